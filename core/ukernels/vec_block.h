/* vec_block.h: sums of products for many rows at once, in one chain.
 *
 * A block is up to F32_CELL_ROWS rows and the vectors of one panel, or of a
 * few.  It goes through the weights a piece of F32_PIECE inputs at a time:
 * all rows, tile by tile, take the piece while it is in the nearest cache, and
 * leave their sums in memory for the next.  The order of a sum is that of
 * ukernels.h, since a sum that is put down and taken up again is the same.
 */
#ifndef CORE_UKERNELS_VEC_BLOCK_H
#define CORE_UKERNELS_VEC_BLOCK_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* Vectors of a row, at most. */
#define BLOCK_WIDE 4

/* Rows whose inputs lie side by side, [piece][row][F32_PIECE]: one address
 * serves all rows of a tile, and no stride of the caller's makes the rows
 * drive each other out of the cache. */
struct block {
    const float *x;
    size_t rows, inputs;
    const float *kernel; /* the first panel's weights */
    const float *next;   /* those of the panels that come next, to be fetched
                            meanwhile; the own ones if none do */
    size_t gates;        /* vectors of one panel */
    size_t next_panel;   /* floats from one panel's weights to the next's */
    const float *const *start; /* of each row: what its sums begin with is */
    size_t column;             /* from here on; */
    const float *last;         /* but for gate 2 of 3, if not NULL: here */
};

/* Lays the rows x[0 .. rows) of `inputs` floats side by side: rows times
 * f32_laid_floats() floats. */
void F32(block_lay)(const float *const *x, size_t rows, size_t inputs,
                    float *laid);

/* Vector v of row r of the results goes to out + r * out_stride + v *
 * VEC_LANES; with `again` they are added to what is there. */
void F32(block)(const struct block *block, size_t wide, bool again, float *out,
                size_t out_stride);

#endif
