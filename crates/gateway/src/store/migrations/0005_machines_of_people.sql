-- The list of machines goes from machine to machine and person to person, and reads the newest verdict of each only.
CREATE INDEX verdicts_of_people ON verdicts (device_key, account, at DESC, id DESC);
