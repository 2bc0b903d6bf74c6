// SPDX-License-Identifier: MPL-2.0
/**
 * Threads that take turns in an order that only the scheduler decides, and all sources of chance that a program has. What it prints is the
 * same in two deterministic runs of one seed, and most likely in no two others.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { THREADS = 4, ROUNDS = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static uint64_t digest, turns;   /* under the lock */

static void
take_turn(uint64_t who)
{
	pthread_mutex_lock(&lock);
	digest = (digest ^ who) * 0x100000001b3;
	turns++;
	pthread_cond_broadcast(&turned);
	pthread_mutex_unlock(&lock);
}

static void *
body(void *arg)
{
	uint64_t who = (uint64_t)arg;
	for (int i = 0; i < ROUNDS; i++) {
		take_turn(who);
		if (i % 16 == (int)who)
			usleep(100);
	}
	return NULL;
}

int
main(void)
{
	pthread_t threads[THREADS];
	uint64_t chance = 0, counter = __rdtsc();
	struct timespec now;
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)(i + 1));
	pthread_mutex_lock(&lock);
	while (turns < THREADS * ROUNDS)
		pthread_cond_wait(&turned, &lock);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	getrandom(&chance, sizeof(chance), 0);
	clock_gettime(CLOCK_REALTIME, &now);
	printf("turns %lx, chance %lx, stack %p, time %ld.%09ld, counter %lu\n", digest, chance, (void *)&now, now.tv_sec, now.tv_nsec,
	       (unsigned long)(__rdtsc() - counter));
	return 0;
}
