//! Each example as its users meet it: the real binary, over a socket, on a SQLite file.

mod atm;
mod embed;
mod policy;
mod quickstart;
mod support;
mod tiki;
mod tokenidp;
mod tripdata;
