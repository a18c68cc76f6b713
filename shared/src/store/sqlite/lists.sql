-- For an operator's lists. They hold nothing that the rows have not, so an older file gets them when it is opened.
CREATE INDEX IF NOT EXISTS recent ON authorizations (status, created_at, id);
CREATE INDEX IF NOT EXISTS recent_of_owner ON authorizations (owner, status, created_at, id);
CREATE INDEX IF NOT EXISTS without_address ON authorizations (created_at)
    WHERE status = 'AUTHORIZED' AND next_attempt_at IS NULL;
