// The kernels that CUDA and Metal share, by the names that the host asks for.
#pragma once
#include "leaves.h"
#include "probe.h"
#include "products.h"

LN_KERNEL(lantern_embed, EmbedArgs, embed)
LN_KERNEL(lantern_rms_quantise, NormArgs, rms_quantise)
LN_KERNEL(lantern_layernorm, NormArgs, layernorm)
LN_KERNEL(lantern_quantise, QuantiseArgs, quantise)
LN_KERNEL(lantern_add, AddArgs, add)
LN_KERNEL(lantern_angles, AngleArgs, angles)
LN_KERNEL(lantern_heads, HeadsArgs, heads)
LN_KERNEL(lantern_scores, ScoresArgs, scores)
LN_KERNEL(lantern_mix, MixArgs, mix)
LN_KERNEL(lantern_finish_attention, FinishArgs, finish_attention)
LN_KERNEL(lantern_argmax, ArgmaxArgs, argmax)
LN_KERNEL(lantern_pool, PoolArgs, pool)
LN_KERNEL(lantern_pack_leaves, LeafArgs, pack_leaves)
LN_KERNEL(lantern_hash_leaves, LeafArgs, hash_leaves)
LN_KERNEL(lantern_probe, ProbeArgs, probe)
LN_FEW_ROWS(lantern_rows_1_wide, 1, 4, true)
LN_FEW_ROWS(lantern_rows_1_narrow, 1, 4, false)
LN_FEW_ROWS(lantern_rows_2_wide, 2, 4, true)
LN_FEW_ROWS(lantern_rows_2_narrow, 2, 4, false)
LN_FEW_ROWS(lantern_rows_4_wide, 4, 2, true)
LN_FEW_ROWS(lantern_rows_4_narrow, 4, 2, false)
LN_FEW_ROWS(lantern_rows_8_wide, 8, 2, true)
LN_FEW_ROWS(lantern_rows_8_narrow, 8, 2, false)
