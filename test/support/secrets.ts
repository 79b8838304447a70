/** Addresses in which an operator may write what nobody else is to see. */

/** What is in all of them. */
export const SECRET = /hunter2|Hunter2/;

/** Good ones and bad ones. */
export const ADDRESSES_WITH_SECRETS: readonly string[] = [
  "https://hunter2@log.example/",
  "https://user:hunter2@log.example/",
  "HTTPS://user:hunter2@log.example/",
  "https://log.example/?token=hunter2",
  "https://log.example/#hunter2",
  "https://log.example/?a=@hunter2",
  "https://log.example/?token=hunter2@x",
  "https://log.example/a?b#c@hunter2",
  // With characters that belong percent-encoded.
  "https://user:hunter2/more@log.example/",
  "https://user:12/hunter2@log.example/",
  "https://user:12?hunter2@log.example/",
  "https://user:12#hunter2@log.example/",
  "https://user:hunter2?more@log.example/",
  "https://user:hunter2#more@log.example/",
  "https://user:hunter2@more@log.example/",
  "https://user:hunter2 more@log.example/",
  "https://user:%zzhunter2@log.example/",
  "https://user:hunter2\\more@log.example/",
  // Not URLs.
  "https://user:hunter2@log.example:99999/",
  "https://user:hunter2@log.example:port/",
  "https://user:hunter2@[::1/",
  "https://user:hunter2@",
  "https://user:hunter2@/",
  "https:// user:hunter2@log.example/",
  " https://user:hunter2@log.example/",
  "https:/user:hunter2@log.example/",
  "https:user:hunter2@log.example/",
  "https:\\\\user:hunter2@log.example/",
  "https:///user:hunter2@log.example/",
  "user:hunter2@log.example/2026h1",
  // Of other kinds.
  "ftp://user:hunter2@log.example/",
  "htps://user:hunter2@log.example/?token=hunter2",
  "gs://user:hunter2@bucket/log",
  "gs://bucket/log?token=hunter2",
  "gs://bucket:hunter2@/log",
  "s3://AKIDEXAMPLE:hunter2@bucket/log",
  "s3://bucket/log?X-Amz-Signature=hunter2",
  "file://user:hunter2@host/log",
  "file:///log?token=hunter2",
  "gzip+file:///log#hunter2",
  "archive+file://user:hunter2@host/log",
  "serverless+https://user:hunter2@host/log?token=hunter2",
];

/** Private keys, or what passes for them, as somebody in a hurry gives one for a public key. */
export const PRIVATE_KEYS: readonly string[] = [
  "PRIVATE+KEY+log.example+1a2b3c4d+AThunter2hunter2hunter2hunter2hunter2hunter2=",
  " PRIVATE+KEY+log.example+1a2b3c4d+AThunter2hunter2+hunter2hunter2hunter2hunter2=\n",
  "-----BEGIN PRIVATE KEY-----\nhunter2\nhunter2\n-----END PRIVATE KEY-----\n",
  "-----BEGIN EC PRIVATE KEY-----\nhunter2",
];
