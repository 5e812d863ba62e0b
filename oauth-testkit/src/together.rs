//! Many futures on one thread.

use std::pin::Pin;
use std::task::Poll;

use crate::block_on;

/// Runs futures to their ends at the same time, on this thread; the outputs in their order.
pub(crate) fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    together_with(futures, || {})
}

/// The same; `pause` is called before each is polled for the first time.
pub(crate) fn together_with<F: Future>(
    futures: impl IntoIterator<Item = F>,
    mut pause: impl FnMut(),
) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    let mut begun = false;
    block_on(std::future::poll_fn(|context| {
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if !begun {
                pause();
            }
            if output.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                *output = Some(done);
            }
        }
        begun = true;
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    }));
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_under_way_before_any_has_ended() {
        let under_way = std::cell::Cell::new(0);
        let meet = |number: u32| {
            let (under_way, mut first) = (&under_way, true);
            std::future::poll_fn(move |context| {
                under_way.set(under_way.get() + u32::from(std::mem::take(&mut first)));
                context.waker().wake_by_ref();
                if under_way.get() == 3 { Poll::Ready(number) } else { Poll::Pending }
            })
        };
        assert_eq!(together((0..3).map(meet)), [0, 1, 2]);
    }
}
