//! What an operator's list asks of DynamoDB, however much there is to look at.

use shared::model::attention::{Attention, attention};
use shared::model::authorization::{Authorization, Callback};
use shared::store::dynamodb::DynamoStore;
use shared::store::listing::{ListAuthorizations as _, Listing, View};
use shared::store::{RecordLinks as _, RecordReturns as _, Recorded, Settled, Settlement};
use tests::contract::{MINUTE, authorization, issued, nonce, settlement};
use tests::world::BEGINNING;

use crate::account::Account;

/// A consent that has no address to be told to.
async fn without_address(store: &DynamoStore, serial_no: &str) {
    let new = Authorization { callback: Callback::Nowhere, ..authorization(serial_no) };
    assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
    let nowhere = Settlement { deliver: false, ..settlement(serial_no, "open-1", "s") };
    assert_eq!(store.settle(&nowhere).await, Ok(Settled::Recorded));
}

#[tokio::test]
async fn a_page_of_what_needs_attention_is_two_queries_and_one_batch() {
    let account = Account::new().await;
    let store = account.table().await;
    for number in 0..60 {
        without_address(&store, &format!("N{number}")).await;
    }
    for number in 0..3 {
        let serial_no = format!("D{number}");
        issued(&store, &serial_no).await;
        assert_eq!(store.settle(&settlement(&serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
    }
    account.proxy.calls();

    let (now, view) = (BEGINNING + MINUTE * 10, View::Attention);
    let listing = Listing { view, owner: None, since: None, until: None, after: None, limit: 50, now };
    let page = store.list(&listing).await.expect("answers");
    let overdue =
        page.records.iter().filter(|record| attention(record, now) == Some(Attention::Overdue)).count();
    assert_eq!((page.records.len(), overdue, page.more), (50, 3, true));
    let calls = [("BatchGetItem", 1), ("ExecuteStatement", 1), ("Query", 1)];
    assert_eq!(account.proxy.calls(), calls.map(|(name, times)| (name.to_owned(), times)));
}
