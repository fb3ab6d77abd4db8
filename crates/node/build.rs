//! Tells the linker what an addon may leave undefined.

fn main() {
    napi_build::setup();
}
