/**
 * Keys for an application over ETSI GS QKD 014, as the command line asks for them: by the published
 * client, which the real world hands in.
 *
 * Takes the certificate of an application from a folder, as `pki issue-sae` writes it, and trusts
 * the root in it alone. Keeps no key: what comes back is the caller's.
 *
 * @see ETSI GS QKD 014 V1.1.1; docs/reference/client.md
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal, type SecretBytes } from '#base'
import { CliRefusal } from './exit.ts'

/** Where a KME listens, and as whom to ask it. */
export interface KmeAccess {
  /** Such as `https://localhost:9443`. */
  readonly url: string
  /** Folder of cert.pem, key.pem and ca.pem. */
  readonly certificates: string
}

/** A key as a KME gave it. Whoever has it clears it. */
export interface SaeKey {
  readonly id: string
  readonly octets: SecretBytes
  /** The member `key_extension`; objects are maps. */
  readonly extension?: unknown
}

/** What a KME says of itself; undefined what it does not say, or says as 0. */
export interface SaeStatus {
  readonly sourceKme: string | undefined
  readonly targetKme: string | undefined
  readonly masterSae: string | undefined
  readonly slaveSae: string | undefined
  readonly keySizeBits: number | undefined
  readonly minKeySizeBits: number | undefined
  readonly maxKeySizeBits: number | undefined
  readonly maxKeysPerRequest: number | undefined
  readonly maxAdditionalSlaves: number | undefined
  readonly storedKeys: number | undefined
}

/** A Key request of §6.2, as far as the command line makes one. */
export interface KeyRequest {
  readonly number: number
  readonly sizeBits?: number
  readonly additionalSlaves?: readonly string[]
}

/** What the command line needs of the published client. */
export interface SaeClient extends Disposable {
  getStatus(slave: string): Promise<SaeStatus>
  encKeys(slave: string, request: KeyRequest): Promise<readonly SaeKey[]>
  decKeys(master: string, sought: { readonly ids: readonly string[] }): Promise<readonly SaeKey[]>
}

/** What only the real world can do. */
export interface KmePowers {
  /** A client on connections of its own, which end with it. */
  readonly openKme: (options: {
    readonly url: string
    readonly cert: Uint8Array
    readonly key: Uint8Array
    readonly ca: Uint8Array
    /** How often a request is tried that the KME did not act on. */
    readonly triesMax: number
  }) => Promise<SaeClient>
}

/** Asks a KME once. @throws CliRefusal for what the client refuses */
export async function askKme<T>(
  { openKme }: KmePowers,
  { url, certificates }: KmeAccess,
  ask: (client: SaeClient) => Promise<T>,
): Promise<T> {
  // A person who waits hears at once that there are no keys now.
  using client = await openKme({ url, ...credentialsIn(certificates), triesMax: 1 })
  try {
    return await ask(client)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw refusalOf(error as Refusal, url)
  }
}

/** What the client refuses, by the codes of the command line. */
function refusalOf(error: Refusal, url: string): Refusal {
  const { code, message, facts } = error
  const known = CODES[code]
  if (known !== undefined) return new CliRefusal(known, message, { cause: error, facts })
  const isSilent = code === 'KME_CLIENT_UNREACHED' || code === 'KME_CLIENT_UNANSWERED'
  return isSilent ? unanswered(error, url) : error
}

/** No answer: who would not talk to whom, as far as TLS says. */
function unanswered(cause: Refusal, url: string): CliRefusal {
  const reason = String(cause.facts['reason'])
  if (SERVER_UNTRUSTED.test(reason)) {
    return new CliRefusal('KME_TRUST_DENIED', `The KME at ${url} cannot be trusted: ${reason}`, {
      cause,
      next: 'the root in ca.pem must be the one of this KME, and the URL must name a host of it',
    })
  }
  if (/ALERT|ECONNRESET|EPIPE/.test(reason)) {
    return new CliRefusal('KME_CERTIFICATE_DENIED', `The KME at ${url} ended the connection`, {
      cause,
      next: 'photonward pki inspect <folder>/cert.pem; the log of the site says why',
    })
  }
  return new CliRefusal('KME_UNREACHABLE', `No KME answers at ${url}`, { cause })
}

function credentialsIn(folder: string) {
  const read = (name: string): Uint8Array => {
    try {
      return readFileSync(join(folder, name))
    } catch (cause) {
      throw new CliRefusal('FILE_UNREADABLE', `Cannot read ${join(folder, name)}`, {
        cause,
        next: 'photonward pki issue-sae <authority> <sae> <folder>',
      })
    }
  }
  return { cert: read('cert.pem'), key: read('key.pem'), ca: read('ca.pem') }
}

/** Key container of §6.3. */
export interface KeyContainer {
  readonly keys: readonly {
    readonly key_ID: string
    /** Base64. */
    readonly key: string
    readonly key_extension?: unknown
  }[]
}

/** Keys in the form of the standard, to be written or shown; the keys themselves are cleared. */
export function containerOf(keys: readonly SaeKey[]): KeyContainer {
  try {
    return {
      keys: keys.map(({ id, octets, extension }) => ({
        key_ID: id,
        key: Buffer.from(octets.reveal()).toString('base64'),
        ...(extension === undefined ? {} : { key_extension: plain(extension) }),
      })),
    }
  } finally {
    for (const { octets } of keys) octets[Symbol.dispose]()
  }
}

/** JSON with objects for maps. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!(value instanceof Map)) return value
  const members: readonly (readonly [unknown, unknown])[] = [...value]
  return Object.fromEntries(members.map(([name, member]) => [String(name), plain(member)]))
}

const CODES: Readonly<Partial<Record<string, string>>> = {
  KME_CLIENT_DENIED: 'KME_DENIED',
  KME_CLIENT_EXHAUSTED: 'KME_KEYS_REFUSED',
  KME_CLIENT_UNAVAILABLE: 'KME_KEYS_REFUSED',
  KME_CLIENT_KEY_NOT_FOUND: 'KME_KEY_NOT_FOUND',
  KME_CLIENT_REFUSED: 'KME_REQUEST_INVALID',
  KME_CLIENT_SIZE_UNMET: 'KME_REQUEST_INVALID',
}
const SERVER_UNTRUSTED =
  /^(?:ERR_TLS_CERT_ALTNAME_INVALID|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL_(?:UNSUPPORTED|WRONG|NO_))/
