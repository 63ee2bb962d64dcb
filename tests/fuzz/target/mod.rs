//! The targets, by the room whose decoders they feed.

pub mod central;
pub mod chunk;
pub mod code;
pub mod frame;
pub mod http;
pub mod image;
pub mod import;
pub mod salvage;
pub mod store;
pub mod text;
pub mod wire;

/// The first byte, to choose by, and the rest.
fn choice(bytes: &[u8]) -> Option<(usize, &[u8])> {
    bytes.split_first().map(|(first, rest)| (usize::from(*first), rest))
}

/// What a port answers at once. Panics if it would wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("this port never waits"),
    }
}
