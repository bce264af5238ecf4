//! Reading traces for you: pure functions over the [model](crate::model).

mod amount;
mod tree;
