//! The stores' contract on DynamoDB, a fresh table for every promise.

use shared::store::dynamodb::DynamoStore;

use crate::account::Account;

async fn open() -> (DynamoStore, Account) {
    let account = Account::new().await;
    (account.table().await, account)
}

tests::store_contract!(test open);
