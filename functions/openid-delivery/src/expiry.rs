//! The end of a link whose merchant wants to be told: the sweep finds it, and a notice of its own is recorded and due.

use shared::delivery::body::notice_body;
use shared::model::clock::UnixMillis;
use shared::model::id::OperationId;
use shared::model::notice::Notice;
use shared::queue::Hint;
use shared::store::{Due, StoreError};

use crate::OpenIdDelivery;

/// Records the notice of a link that has ended, and gives the hint of its delivery; nothing if a user has consented
/// meanwhile or was forgotten, or if the link lives on: an exchange without a user gives it more time.
///
/// The notice is recorded first and the link taken out of what is due second. If this process dies between the two, the
/// next sweep finds the link again and its notice recorded.
pub(crate) async fn tell(
    function: &OpenIdDelivery,
    due: &Due,
    now: UnixMillis,
) -> Result<Option<Hint>, StoreError> {
    let Some(link) = function.store.authorization(&due.id).await? else { return Ok(None) };
    if !link.state.is_open() {
        return Ok(None);
    }
    let ended_at = link.link_ends_at();
    if now < ended_at {
        function.due.postpone(due, ended_at).await?;
        return Ok(None);
    }
    let notice = link.notice_record(Notice::Expired, notice_body(&link, Notice::Expired, ended_at), now);
    // Every sweep uses the same id, so the notice is recorded once whichever sweep comes first.
    let by = OperationId::recorded(due.id.to_string());
    function.store.record_notice(&notice, &by).await?;
    let was_ours = function.due.end_watch(due).await?;
    Ok(was_ours.then(|| Hint::new(notice.id, due.owner.clone(), 0)))
}
