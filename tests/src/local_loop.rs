//! The local loop, on the database of a test.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::world::World;

/// For a failing test only.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// Does `doing` while the local loop runs by the world's delivery, on its store and queue; the world as it then stands.
pub async fn while_it_delivers(mut world: World, doing: impl AsyncFnOnce(&World)) -> World {
    let another = world.another_process();
    let delivery = Arc::new(std::mem::replace(&mut world.delivery, another.delivery));
    let (store, under_way) = (Arc::new(world.store.clone()), TaskTracker::new());
    let running =
        local::deliveries::run(delivery, world.queue.clone(), store, world.clock.clone(), under_way);
    let done = async {
        tokio::select! {
            biased;
            () = doing(&world) => true,
            () = running => false,
        }
    };
    assert_eq!(tokio::time::timeout(DONE_WITHIN, done).await, Ok(true));
    world
}
