//! What users get, from a span in a program to an answer of the repository.

mod bad_input;
mod capture;
mod content;
mod load;
mod opening;
mod seams;
mod support;
