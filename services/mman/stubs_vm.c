// SPDX-License-Identifier: MPL-2.0
/**
 * Until services/fs has files.
 */
#include "mman.h"

err_t request_file(i32 fd, struct vm_request *scoped request) { (void)fd; (void)request; return ENODEV; }
void request_file_put(struct vm_request *scoped request) { (void)request; }
