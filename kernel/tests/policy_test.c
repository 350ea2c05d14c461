// SPDX-License-Identifier: GPL-2.0
/*
 * The decisions of policy.h are what the documentation says: when a block becomes
 * a 2 MiB page, when a copy is worth a try, when a reservation is broken up, and
 * what is learnt from neighbours. This runs in user space, as policy.h needs no
 * kernel.
 */
#define TAP_STDIO
#include "../../tests/tap.h"
#include "../policy.h"

/* Every combination of inputs, against the rules as they stand in words. */
static void choices(void)
{
	int wrong = 0;

	for (unsigned int n = 0; n < 2 * 2 * 3 * 3 * 3 * 3; n++) {
		struct dph_policy_input in = {
			.percent = n % 2 ? 50 : 0,
			.adaptive = n / 2 % 2,
			.memory = n / 4 % 3,
			.left = n / 12 % 3,
			.right = n / 36 % 3,
			.trust = (int)(n / 108) - 1,
		};
		int guess = in.adaptive && in.trust >= 0 && in.memory == DPH_MEMORY_PLENTY &&
			    ((in.left == DPH_DENSE && in.right != DPH_SPARSE) ||
			     (in.right == DPH_DENSE && in.left != DPH_SPARSE));
		enum dph_policy_choice want = in.memory == DPH_MEMORY_GONE ? DPH_SINGLE :
					      !in.percent || guess	  ? DPH_HUGE :
									    DPH_RESERVE;

		wrong += dph_policy_choose(&in) != want;
	}
	ok(!wrong, "a first touch gives 2 MiB only with T = 0, or between dense neighbours with memory and trust");
}

int main(void)
{
	int wrong = 0, attempts, most = 0;

	for (unsigned int t = 0; t <= 100; t++)
		for (unsigned int k = 0; k <= 512; k++)
			wrong += dph_policy_promote(k, t) != (k > 0 && k * 100 >= t * 512);
	ok(!wrong, "a block is promoted exactly when touched / 512 >= T / 100, for all T and counts");
	ok(dph_policy_promote(1, 0) && !dph_policy_promote(0, 0), "with T = 0 it is promoted at its first touch");
	ok(!dph_policy_promote(511, 100) && dph_policy_promote(512, 100),
	   "with T = 100 it is promoted when all pages are touched");
	for (unsigned int t = 0; t <= 100; t++) {
		attempts = 0;
		for (unsigned int k = 1; k <= 512; k++)
			attempts += dph_policy_retry(k, t);
		most = attempts > most ? attempts : most;
		wrong += !dph_policy_retry(512, t) || (t >= 50 && !dph_policy_retry(dph_policy_need(t), t));
		wrong += dph_policy_retry(255, t) || (t <= 50 && !dph_policy_retry(256, t));
	}
	ok(!wrong && most <= 18,
	   "a collapse is tried at the threshold, but not less than half full, at 512, and at most 18 times");
	ok(dph_policy_break_up(1) && dph_policy_break_up(256) && !dph_policy_break_up(257),
	   "a reservation is broken up if at least half of it goes back");
	ok(dph_policy_memory(0, 6400) == DPH_MEMORY_GONE && dph_policy_memory(99, 6400) == DPH_MEMORY_GONE &&
		   dph_policy_memory(100, 6400) == DPH_MEMORY_SCARCE &&
		   dph_policy_memory(799, 6400) == DPH_MEMORY_SCARCE &&
		   dph_policy_memory(800, 6400) == DPH_MEMORY_PLENTY,
	   "memory is gone below 1/64 and scarce below 1/8");
	ok(dph_policy_counted(0) == DPH_UNKNOWN && dph_policy_counted(1) == DPH_SPARSE &&
		   dph_policy_counted(127) == DPH_SPARSE && dph_policy_counted(128) == DPH_UNKNOWN &&
		   dph_policy_counted(512) == DPH_DENSE && dph_policy_sampled(11) == DPH_SPARSE &&
		   dph_policy_sampled(12) == DPH_DENSE,
	   "a neighbour is sparse, dense or unknown by how much of it is touched");
	choices();
	ok(dph_policy_trust(0, DPH_UNKNOWN) == 0 && dph_policy_trust(0, DPH_DENSE) == 1 &&
		   dph_policy_trust(DPH_TRUST_MAX, DPH_DENSE) == DPH_TRUST_MAX && dph_policy_trust(3, DPH_SPARSE) == -1 &&
		   dph_policy_trust(-7, DPH_SPARSE) == -DPH_TRUST_MAX,
	   "a wrong guess weighs as much as four right ones");
	return tap_done();
}
