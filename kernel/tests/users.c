// SPDX-License-Identifier: GPL-2.0
/*
 * Many users at their own limits at once, beside one who has some hundred
 * reservations. Each gets what the limit allows, and from his own reservations what
 * he needs more; who has none is refused, and is told so soon, however much room
 * others make for themselves meanwhile. Nobody's reservations are broken up for
 * another user. Who is killed while he asks for more ends at once.
 *
 * Needs root.
 */
#include <setjmp.h>
#include <stdatomic.h>

#include "t_device.h"
#include "t_child.h"
#include "t_memory.h"

#define USERS 12U
#define LIMIT_MIB "8"
#define LIMIT_BLOCKS 4U
#define SPARSE_BLOCKS 24U	/* each with one page touched: three times what the limit has room for */
#define RESERVATIONS 256UL	/* the bystander's */
#define REFUSALS 30U
#define FIRST_UID 40000
#define LONG_US 5000000UL /* some waits of 100 ms each, on a slow machine */

/* What all see of each user. */
static struct seen {
	atomic_bool go;
	struct {
		atomic_uint got, refused, beyond, wrong, done;
		atomic_ulong longest_us;
	} user[USERS];
	atomic_uint bystander_ready;
	char *bystander_memory;
} *seen;

static sigjmp_buf at_fault;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(at_fault, 1);
}

static bool touched(char *p, char byte)
{
	if (sigsetjmp(at_fault, 1))
		return false;
	*(volatile char *)p = byte;
	return true;
}

static void become(unsigned int n)
{
	signal(SIGBUS, on_bus);
	must(!setgid(FIRST_UID + n) && !setuid(FIRST_UID + n));
}

static void wait_for_go(void)
{
	while (!atomic_load(&seen->go))
		usleep(1000);
}

/* Full blocks up to the limit, and then touches in vain: how long does a refusal take? */
static void fill(unsigned int n, bool for_ever)
{
	char *p = map(2 * LIMIT_BLOCKS * BLOCK, 0);

	wait_for_go();
	for (unsigned int b = 0; b < 2 * LIMIT_BLOCKS; b++) {
		unsigned long i = 0;

		while (i < BLOCK_PAGES && touched(p + b * BLOCK + i * PAGE, 'f'))
			i++;
		if (i < BLOCK_PAGES)
			break;
		atomic_fetch_add(&seen->user[n].got, 1);
	}
	for (unsigned int i = 0; i < REFUSALS || for_ever; i++) {
		double start = now_ms();
		unsigned long us;

		if (touched(p + (2 * LIMIT_BLOCKS - 1) * BLOCK, 'x'))
			atomic_fetch_add(&seen->user[n].beyond, 1);
		us = (now_ms() - start) * 1e3;
		if (us > atomic_load(&seen->user[n].longest_us))
			atomic_store(&seen->user[n].longest_us, us);
		atomic_fetch_add(&seen->user[n].refused, 1);
	}
	for (unsigned int b = 0; b < LIMIT_BLOCKS; b++)
		for (unsigned long i = 0; i < BLOCK_PAGES; i++)
			if (p[b * BLOCK + i * PAGE] != 'f')
				atomic_fetch_add(&seen->user[n].wrong, 1);
	munmap(p, 2 * LIMIT_BLOCKS * BLOCK);
}

/* One page in each of many blocks: his own reservations make room for the next. */
static void sparse(unsigned int n)
{
	char *p = map(SPARSE_BLOCKS * BLOCK, 100);
	bool there[SPARSE_BLOCKS];

	wait_for_go();
	for (unsigned int b = 0; b < SPARSE_BLOCKS; b++) {
		there[b] = touched(p + b * BLOCK, 's');
		if (!there[b])
			atomic_fetch_add(&seen->user[n].refused, 1);
	}
	for (unsigned int b = 0; b < SPARSE_BLOCKS; b++)
		if (there[b] && (p[b * BLOCK] != 's' || p[b * BLOCK + 1]))
			atomic_fetch_add(&seen->user[n].wrong, 1);
	munmap(p, SPARSE_BLOCKS * BLOCK);
}

/* Somebody who has more than the limit by the time it is set, which is nobody's business but his. */
static pid_t start_bystander(void)
{
	pid_t pid = fork_now();

	if (!pid) {
		char *p;

		become(USERS);
		p = map(RESERVATIONS * BLOCK, 100);
		for (unsigned long b = 0; b < RESERVATIONS; b++)
			memset(p + b * BLOCK, 'b', 3 * PAGE);
		seen->bystander_memory = p;
		atomic_store(&seen->bystander_ready, 1);
		sleep_forever();
	}
	must(becomes(atomic_load(&seen->bystander_ready)));
	return pid;
}

/* The bystander's reservations that are whole. */
static unsigned long whole(pid_t pid)
{
	return whole_reservations(pid, seen->bystander_memory, RESERVATIONS);
}

enum kind { FILL, SPARSE, MIXED, KILLED };

/* What user @n does. In a mixture, every second one makes room for himself until the others have ended. */
static void __attribute__((noreturn)) user(unsigned int n, enum kind kind)
{
	become(n);
	if (kind == SPARSE)
		sparse(n);
	else if (kind == MIXED && n % 2)
		do
			sparse(n);
		while (!atomic_load(&seen->user[n].done));
	else
		fill(n, kind == KILLED);
	_exit(0);
}

static bool all_refused(void)
{
	for (unsigned int n = 0; n < USERS; n++)
		if (!atomic_load(&seen->user[n].refused))
			return false;
	return true;
}

static void at_once(enum kind kind, const char *what)
{
	unsigned int got = 0, refused = 0, in_vain = 0, beyond = 0, wrong = 0, ended = 0;
	unsigned long longest = 0;
	pid_t pid[USERS];

	memset(seen->user, 0, sizeof(seen->user));
	atomic_store(&seen->go, false);
	for (unsigned int n = 0; n < USERS; n++) {
		pid[n] = fork_now();
		if (!pid[n])
			user(n, kind);
	}
	atomic_store(&seen->go, true);
	if (kind == KILLED) {
		double start;

		must(becomes(all_refused()));
		start = now_ms();
		for (unsigned int n = 0; n < USERS; n++)
			kill_child(pid[n]);
		ok(now_ms() - start < 60000, "%s: they end at once: %.0f ms for all", what, now_ms() - start);
		return;
	}
	for (int odd = 0; odd < 2; odd++) {
		for (unsigned int n = odd; n < USERS; n += 2)
			ended += succeeded(wait_for(pid[n]));
		for (unsigned int n = 1; n < USERS; n += 2)
			atomic_store(&seen->user[n].done, 1);
	}
	for (unsigned int n = 0; n < USERS; n++) {
		if (kind == FILL || (kind == MIXED && n % 2 == 0)) {
			got += atomic_load(&seen->user[n].got) == LIMIT_BLOCKS;
			refused += atomic_load(&seen->user[n].refused) == REFUSALS;
		} else {
			in_vain += atomic_load(&seen->user[n].refused);
		}
		beyond += atomic_load(&seen->user[n].beyond);
		wrong += atomic_load(&seen->user[n].wrong);
		if (atomic_load(&seen->user[n].longest_us) > longest)
			longest = atomic_load(&seen->user[n].longest_us);
	}
	ok(longest < LONG_US, "%s: the longest refusal took %lu us", what, longest);
	ok(ended == USERS && !wrong, "%s: %u of %u users come to their end, with %u wrong bytes", what, ended, USERS, wrong);
	if (kind != FILL)
		ok(!in_vain, "%s: nobody is refused what his own reservations have room for: %u touches were", what, in_vain);
	if (kind != SPARSE)
		ok(got == refused && got == (kind == MIXED ? USERS / 2 : USERS) && !beyond,
		   "%s: %u get the limit's %u blocks, and %u are refused more; %u pages were got beyond it", what, got,
		   LIMIT_BLOCKS, refused, beyond);
}

int main(void)
{
	static const char *const what[] = { "all fill their limit", "all are sparse", "some fill it and others are sparse",
					    "killed at the limit" };
	pid_t bystander;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(seen != MAP_FAILED && !write_to(PARAMS "pool_mib", "0"));
	bystander = start_bystander();
	must(whole(bystander) == RESERVATIONS && !write_to(PARAMS "user_limit_mib", LIMIT_MIB));
	for (enum kind kind = FILL; kind <= KILLED; kind++) {
		at_once(kind, what[kind]);
		ok(whole(bystander) == RESERVATIONS, "%s: another user's reservations stay: %lu of %lu", what[kind],
		   whole(bystander), RESERVATIONS);
	}
	must(!write_to(PARAMS "user_limit_mib", "0"));
	kill_child(bystander);
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
