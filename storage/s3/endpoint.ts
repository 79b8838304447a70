/** Where S3, or a store that speaks its protocol, answers: found as AWS's own libraries and tools find it. */

import { type OperationError, UsageError } from "../../lib/errors.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";

export interface S3Endpoint {
  readonly origin: string;
  /** Path of the bucket there, without a slash at the end: empty where its name is part of the host's. */
  readonly root: string;
  readonly region: string;
}

/** What an operator states for one bucket, in place of what all have. */
export interface StatedEndpoint {
  readonly endpoint?: string;
  readonly region?: string;
}

/** What stores that have no regions are content with. */
const ANY_REGION = "us-east-1";

/**
 * The endpoint of a bucket: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or that of the profile, else that of AWS in the region
 * of AWS_REGION, AWS_DEFAULT_REGION, the profile or this machine.
 * @throws UsageError if one is not as it must be, or there is no region.
 */
export async function findEndpoint(bucket: string, stated: StatedEndpoint = {}): Promise<S3Endpoint> {
  const config = await import("@smithy/core/config");
  const { loadConfig, NODE_REGION_CONFIG_OPTIONS, NODE_REGION_CONFIG_FILE_OPTIONS } = config;
  const separator = config.CONFIG_PREFIX_SEPARATOR;
  const ignoresUrls = process.env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true";
  const found = await loadConfig<string>(
    {
      environmentVariableSelector: (env) => env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || undefined,
      configFileSelector: (profile, file) => {
        const services = file?.[["services", profile.services].join(separator)];
        return services?.[["s3", "endpoint_url"].join(separator)] || profile.endpoint_url || undefined;
      },
      default: "",
    },
    { ignoreCache: true },
  )();
  const address = stated.endpoint ?? (ignoresUrls ? "" : found);
  const isSet = address !== "";
  const findRegion = loadConfig<string>(
    {
      ...NODE_REGION_CONFIG_OPTIONS,
      environmentVariableSelector: (env) => env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined,
      ...(isSet && { default: ANY_REGION }),
    },
    { ...NODE_REGION_CONFIG_FILE_OPTIONS, ignoreCache: true },
  );
  const missing = (cause: unknown) => {
    throw noRegion(cause);
  };
  const region = stated.region ?? (await findRegion().catch(missing));
  if (!/^[a-z0-9-]{1,60}$/.test(region)) {
    throw new UsageError({ object: "AWS_REGION", problem: "is not a region", found: region });
  }
  return isSet ? endpointAt(address, bucket, region) : endpointOfAws(bucket, region);
}

/** In path style, which all stores have. */
function endpointAt(address: string, bucket: string, region: string): S3Endpoint {
  const url = URL.parse(address);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (!isPlain || url.username !== "" || url.password !== "") {
    throw new UsageError({
      object: "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or endpoint_url",
      problem: "is not the address of an object store",
      expected: "https://HOST",
      found: shownAddress(address),
    });
  }
  return { origin: url.origin, root: `${url.pathname.replace(/\/+$/, "")}/${bucket}`, region };
}

/** The certificates of AWS are for one label before its own name. */
function endpointOfAws(bucket: string, region: string): S3Endpoint {
  const host = `s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  return /^[a-z0-9-]{3,63}$/.test(bucket)
    ? { origin: `https://${bucket}.${host}`, root: "", region }
    : { origin: `https://${host}`, root: `/${bucket}`, region };
}

function noRegion(cause: unknown): OperationError {
  return new UsageError(
    {
      object: "AWS_REGION",
      problem: "is not set, and neither is a region in the profile",
      advice: "Set it to the bucket's region, or AWS_ENDPOINT_URL_S3 to the address of another store",
    },
    { cause },
  );
}
