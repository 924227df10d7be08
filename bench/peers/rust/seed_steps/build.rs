// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lets the functions of src/world.rs be found at run time too, before those of the system.
fn main() {
    println!("cargo:rustc-link-arg-bins=-rdynamic");
}
