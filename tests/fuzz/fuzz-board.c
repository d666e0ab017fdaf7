/* SPDX-License-Identifier: MIT */
/* Board files: any bytes are a board or an error. The seeds are compiled trees. */
#include "machines/board.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    Board *board = board_open_blob("fuzz", data, size, &error);

    g_assert((board == NULL) == (error != NULL));
    if (board) {
        g_assert_nonnull(board_info(board));
        board_free(board);
    }
    return 0;
}
