/** Logs over HTTP: only sources. Their options: whom to trust, how to appear to the server, who we are. */

import { UsageError } from "../../lib/errors.ts";
import type { Backend, OptionValues, SourceAccess } from "../../lib/migrate/ports/backend.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";
import type { TlsOptions } from "./client.ts";
import { basicCredentials } from "./headers.ts";
import {
  DEFAULT_NETRC,
  fileText,
  headersOfFile,
  loginFor,
  loginsOfFile,
  type NetrcLogin,
  secretText,
} from "./secret-files.ts";
import { singleObjectOf } from "./signed-urls.ts";
import type { Header, HttpSourceOptions } from "./source.ts";

/** Plain data, next to the options below. */
type HttpAccess = SourceAccess & Pick<HttpSourceOptions, "contact" | "timeouts">;

export default {
  form: "https://… or http://…",
  sourceOptions: [
    {
      flags: "--contact <address>",
      description:
        "your e-mail address or https URL, sent to the source's operator; needed for public Static CT logs",
      parse: contactAddress,
      isOfReader: true,
    },
    {
      flags: "--ca <file>",
      description: "https: certificates (PEM) of the authorities to trust in place of the usual ones",
      parse: fileText,
    },
    {
      flags: "--cert <file>",
      description: "https: client certificate (PEM) for the source",
      parse: fileText,
    },
    {
      flags: "--key <file>",
      description: "https: key (PEM) of the client certificate",
      parse: (path, _before, warn) => secretText(path, warn),
    },
    {
      flags: "--header <header>",
      description:
        "'Name: value' to send to the source, and to no other host, or @file with one a line; repeatable",
      env: "TLOG_MIGRATE_HEADER",
      // Checked later: what is wrong with an argument is reported together with the argument, which may be a secret.
      parse: (text, before, warn) => [
        ...((before as string[] | undefined) ?? []),
        ...(text.startsWith("@") ? headersOfFile(text.slice(1), warn) : [text]),
      ],
    },
    {
      flags: "--netrc [file]",
      description: "log in to the source as a netrc file says",
      preset: DEFAULT_NETRC,
      parse(path, _before, warn) {
        if (!path.includes("://")) return loginsOfFile(path, warn);
        const problem = "It is an address: write --netrc behind source and target, or --netrc=FILE.";
        throw new UsageError({ object: "--netrc", problem });
      },
    },
  ],
  /** Public Static CT logs make a copy without contact crawl, or stop it half-way: it is not started. */
  checkSource(url, { contact }, format) {
    const { hostname } = url;
    const signed = singleObjectOf(url);
    if (signed !== undefined) {
      throw new UsageError({
        object: shownAddress(url.href),
        problem: signed,
        advice: "Pass an address whose query opens the whole log, such as a SAS of its container",
      });
    }
    const isLocal = /^((.+\.)?localhost\.?|127\.[\d.]+|\[::1\])$/.test(hostname);
    if (format !== "static-ct" || contact !== undefined || isLocal) return;
    throw new UsageError({
      object: "--contact",
      problem: "is missing, and public Static CT logs slow down or block clients without a contact",
      advice:
        "Pass --contact with your e-mail address, or the https URL of a page that says how to reach you",
    });
  },
  async openObjects(url, { access, ...request }) {
    const { HttpSource } = await import("./source.ts");
    const { userAgentVersion, contact, timeouts } = access as HttpAccess;
    const options = httpOptions(access, url);
    return new HttpSource(url, { userAgentVersion, contact, timeouts, ...options, ...request });
  },
} satisfies Backend;

/** @throws UsageError if the values make no sense for the source; it shows none of them. */
export function httpOptions(values: OptionValues, source: URL): Pick<HttpSourceOptions, "tls" | "headers"> {
  const { ca, cert, key, header = [], netrc } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError({
      object: cert === undefined ? "--key" : "--cert",
      problem: "makes a client certificate only together with the other",
      advice: "Pass --cert and --key",
    });
  }
  const given = Object.entries({ ca, cert, key }).filter(([, pem]) => pem !== undefined);
  const tls: TlsOptions = Object.fromEntries(given);
  if (given.length > 0) requireUsable(tls);
  const headers = (header as string[]).map(parseHeader);
  const authorizations = headers.filter(([name]) => name === "authorization").length;
  const inAddress = source.password === "" ? [] : ["credentials in the address"];
  const others = [...inAddress, ...(netrc === undefined ? [] : ["--netrc"])];
  if (authorizations + others.length > 1) {
    const problem = "contradict each other: only one of them may be used";
    const [first = "", ...more] = [...others, ...Array(authorizations).fill("--header Authorization")];
    throw new UsageError({ object: [first, ...new Set(more)].join(" and "), problem });
  }
  const login = netrc === undefined ? [] : [loginHeader(source, netrc as readonly NetrcLogin[])];
  return { tls, headers: [...headers, ...login] };
}

function loginHeader(source: URL, logins: readonly NetrcLogin[]): Header {
  const login = loginFor(source, logins);
  if (login !== undefined) return ["authorization", basicCredentials(login.login, login.password)];
  const problem = `has no login for ${source.hostname}`;
  const advice = "Add a line 'machine HOST login NAME password PASSWORD', or leave --netrc out";
  throw new UsageError({ object: "--netrc", problem, advice });
}

/** @throws UsageError unless these can be used for connections. */
function requireUsable(tls: TlsOptions): void {
  try {
    // Not imported: the command line loads this file for every command.
    process.getBuiltinModule("node:tls").createSecureContext(tls);
    // TLS passes over authorities that it cannot read.
    if (tls.ca !== undefined) requireCertificates(tls.ca);
  } catch (error) {
    const problem = `cannot be used: ${error instanceof Error ? error.message : error}`;
    const advice = "Pass files in PEM that belong together";
    throw new UsageError({ object: "--ca, --cert or --key", problem, advice });
  }
}

/** @throws Error unless a file has certificates, and nothing else between their lines. */
function requireCertificates(pem: string): void {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw new Error("it contains no certificate");
  for (const certificate of certificates) new X509Certificate(certificate);
}

/** Headers that follow from the request itself, or that other options set. */
const OWN =
  /^(accept-encoding|connection|content-length|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|user-agent)$/i;

function parseHeader(text: string): Header {
  const [, name = "", value = ""] =
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(text) ?? [];
  if (name === "") {
    throw new UsageError({ object: "--header", problem: "is not of the form 'Name: value'" });
  }
  if (OWN.test(name)) {
    throw new UsageError({ object: `--header ${name}`, problem: "is a header that cannot be set" });
  }
  return [name.toLowerCase(), value.trim()];
}

/**
 * Reads an e-mail address or an https URL. Its host has a name: an address or `localhost` leads nobody back here.
 * @throws UsageError
 */
export function contactAddress(text: string): string {
  const isMail = /^[^\s@/]+@[^\s@/:]+$/.test(text);
  const url = isMail || /^https:\/\//i.test(text) ? URL.parse(isMail ? `https://${text}` : text) : null;
  const object = "--contact";
  if (url !== null && !isMail && url.password !== "") {
    throw new UsageError({ object, problem: "It has a password, which would be sent to the source." });
  }
  if (url === null || !/\.[a-z][\w-]*\.?$/i.test(url.hostname)) {
    const problem = "Give your e-mail address, or the https URL of a page that says how to reach you.";
    throw new UsageError({ object, problem });
  }
  if (!/(^|\.)(localhost|example\.(com|net|org))\.?$/i.test(url.hostname)) return text;
  throw new UsageError({ object, problem: "It is an example address: give your own." });
}
