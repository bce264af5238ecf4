//! What is kept out and taken out, seen from outside: in the database's files, at another sink, through the repository.

mod capturing;
mod secrets;
