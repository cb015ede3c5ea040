//! The tests of `wengert-tensor`, which are in the files beside this one.
