//! The attribute that DynamoDB deletes by: seconds, rounded up, so that nothing is deleted before its time.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;
use shared::store::dynamodb::{PARTITION_KEY, TIME_TO_LIVE};
use shared::store::{NonceUse, RecordLinks as _, RecordReturns as _, Recorded, Settled, Settlement};
use tests::contract::{MINUTE, authorization, nonce, settlement};
use tests::world::BEGINNING;

use crate::account::{Account, TABLE};

async fn time_to_live(account: &Account, key: &str) -> AttributeValue {
    let item = account
        .dynamo()
        .get_item()
        .table_name(TABLE)
        .key(PARTITION_KEY, AttributeValue::S(key.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .expect("DynamoDB answers")
        .item
        .expect("an item");
    item[TIME_TO_LIVE].clone()
}

fn secs(at: UnixMillis) -> AttributeValue {
    AttributeValue::N((at.0 / 1_000).to_string())
}

#[tokio::test]
async fn records_are_deleted_after_their_retention_and_nonces_after_their_end() {
    let account = Account::new().await;
    let store = account.table().await;
    let later = Duration::from_millis(1);
    let (retained, ended) = (BEGINNING + MINUTE * 660, BEGINNING + MINUTE * 11);
    for (serial_no, after, rounding) in [("S1", Duration::ZERO, 0), ("S2", later, 1)] {
        let new = Authorization { retain_until: retained + after, ..authorization(serial_no) };
        let with = NonceUse { until: ended + after, ..nonce(serial_no, serial_no, BEGINNING) };
        assert_eq!(store.record_link(&new, &with).await, Ok(Recorded::New));
        let rounding = Duration::from_secs(rounding);
        let record = time_to_live(&account, &format!("authorization#{}", new.id)).await;
        assert_eq!(record, secs(retained + rounding));
        let kept_longer = retained + after + MINUTE;
        let settlement = Settlement { retain_until: kept_longer, ..settlement(serial_no, "open-1", "s") };
        assert_eq!(store.settle(&settlement).await, Ok(Settled::Recorded));
        let record = time_to_live(&account, &format!("authorization#{}", new.id)).await;
        assert_eq!(record, secs(kept_longer + rounding));
        let nonce = time_to_live(&account, &format!("nonce#B1#{serial_no}")).await;
        assert_eq!(nonce, secs(ended + rounding));
    }
}
