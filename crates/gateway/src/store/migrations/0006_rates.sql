-- How much a session of a group's people may carry at most, in Mbit/s; absent: any rate.
ALTER TABLE groups ADD COLUMN rate_to_client INTEGER CHECK (rate_to_client > 0);
ALTER TABLE groups ADD COLUMN rate_from_client INTEGER CHECK (rate_from_client > 0);

-- What a session's tunnel has carried and dropped, by channel and reason, as the gateway last knew it.
ALTER TABLE sessions ADD COLUMN counters TEXT CHECK (json_valid(counters));
