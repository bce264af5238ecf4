//! How attributes are read: every convention's names → the model. Pure functions of one span; they run on the worker.
