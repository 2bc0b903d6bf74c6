// SPDX-License-Identifier: MPL-2.0
/**
 * What each user has of things that are limited by user: pipe pages, epoll watches, descriptors in flight …
 *
 * An account exists as long as somebody holds a reference to it; its counts are atomic.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/err.h>
#include <cadre/object.h>

enum user_count : u32 { USER_PIPE_SLOTS, USER_EPOLL_WATCHES, USER_UNIX_IN_FLIGHT, USER_QUEUE_BYTES, USER_COUNTS };

struct user_account;
/** The account of `uid`, with a reference. => null: memory is gone */
struct user_account *user_account_find(u32 uid);
void user_account_drop(struct user_account *user);
/** Adds `n` (a difference, wrapping) and returns the sum. Any context. */
u64 user_account_add(struct user_account *user, enum user_count count, u64 n);
u32 user_account_uid(struct user_account *user);
