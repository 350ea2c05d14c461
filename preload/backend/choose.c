// SPDX-License-Identifier: MIT
/* The choice of the backend at start, and why there is none. */
#include "backend/choose.h"

#include "backend/backend.h"
#include "backend/driver.h"
#include "base/message.h"

#define WANTED "DPHUGE_BACKEND=driver: "

static const char *explain_error(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO: return WANTED "no /dev/dphuge: load the driver, or start the container with --device";
	case EACCES:
	case EPERM: return WANTED "no permission to use /dev/dphuge";
	case ENOMEM: return WANTED "/dev/dphuge can't be mapped: a limit of the driver or of memory is reached";
	default: return WANTED "/dev/dphuge can't be mapped";
	}
}

void choose_backend(struct state *state)
{
	const struct config *config = &state->config;
	int err;

	if (!config_includes_us(config)) {
		state->no_backend = "DPHUGE_ONLY and DPHUGE_EXCEPT leave this program out";
		return;
	}
	state->choice = config->backend;
	if (config->backend == BACKEND_AUTO)
		state->choice = driver_error() ? BACKEND_THP : BACKEND_DRIVER;
	else if (config->backend == BACKEND_DRIVER && (err = driver_error())) {
		state->no_backend = explain_error(err);
		if (config->strict)
			fatal("%s; the program ends, as DPHUGE_STRICT=1 says", state->no_backend);
		message("%s; large requests go to jemalloc", state->no_backend);
		return;
	}
	state->backend = backend_by(state->choice);
}
