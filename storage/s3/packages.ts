/** The optional packages that S3 needs. */
export const S3_PACKAGES = ["@aws-sdk/credential-provider-node", "@smithy/core"];
