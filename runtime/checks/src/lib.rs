//! Turns on the pallets' own checks (`try_state`, and what migrations check before and after) in native code. Nothing stands here: the
//! features of the dependencies are what it is for.
