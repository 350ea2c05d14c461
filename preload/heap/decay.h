/* SPDX-License-Identifier: MIT */
/* When freed memory goes back: after DPHUGE_DECAY_MS, also while the program sleeps. */
#ifndef DPHUGE_DECAY_H
#define DPHUGE_DECAY_H

/**
 * decay_poke() - something was freed
 * @arena: the number of the arena that it belongs to
 *
 * Starts the helper thread if there is none, or gives back by itself what is due. Called
 * with no lock held. errno stays as it was unless memory goes back at once.
 */
void decay_poke(unsigned int arena);

/** decay_postfork_child() - the helper thread isn't in the child; the next free starts one */
void decay_postfork_child(void);

#endif /* DPHUGE_DECAY_H */
