// SPDX-License-Identifier: MIT
/* libFuzzer drives the large heap (scripts/fuzz): whatever the sequence of calls and of
 * failures, contents stay right, and in the end nothing is in use and nothing kept. */
#include "large_heap.h"

#include "base/message.h"
#include "base/state.h"
#include "heap/large.h"

#include <stdlib.h>

#define STEPS_MAX 500

/* One sequence of calls, of which the first bytes say how often the backend fails. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!fixed->backend && !model_start())
		abort();
	chance_input(data, size);
	chance_seed(88172645463325252ull);
	atomic_store(&fake_fail_one_in, (unsigned int)(chance_next() % 8));
	for (unsigned int i = 0; i < STEPS_MAX && chance_input_left(); i++)
		model_step(model_slots[0]);
	atomic_store(&fake_fail_one_in, 0);
	model_free_all();
	large_trim();
	if (model_wrong || model_live() || model_dirty())
		fatal("%lu wrong, %zu bytes live, %zu dirty", model_wrong, model_live(), model_dirty());
	return 0;
}
