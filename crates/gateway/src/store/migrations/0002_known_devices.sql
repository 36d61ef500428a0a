-- Whether an account has signed in from a device before is asked at every attempt.
CREATE INDEX devices_of_accounts ON sessions (account, device_key) WHERE device_key IS NOT NULL;
