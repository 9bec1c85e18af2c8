/**
 * Cisco's Secure Key Integration Protocol (SKIP), as routers and encryptors speak it: a second way
 * to the same keys, under the same rules as GS QKD 014.
 *
 * Each application sees a key provider of its own: `localSystemID` is its SAE ID, and the
 * `remoteSystemID` of the other encryptor's provider is that encryptor's SAE ID. A keyId is the
 * key_ID without its hyphens.
 *
 * Callers are known by certificate. Unlike the draft, which lists it first, TLS-PSK is not offered:
 * a shared secret names no application, and Node has no TLS 1.3 PSK of its own.
 *
 * @see draft-cisco-skip-02 §4
 * @module
 */

import {
  concat,
  isUuid,
  keyId,
  utf8,
  uuidOf,
  type HttpRequest,
  type HttpResponse,
  type KeyId,
  type RandomSource,
  type SaeId,
  type SecretBytes,
} from '#base'
import type { DeliveredKey } from '#keystore'
import { HTTP_STATUS, invalidRequest, KmeRefusal, type KmeRefusalCode } from './refusal.ts'
import type { SaePolicies } from './sae-policy.ts'
import { fetchKeys, type Supply } from './supply.ts'
import { checkSize, readSaeId, wholeIn, type KmeLimits } from './wire.ts'

/** What SKIP stands on. */
export interface SkipDesk {
  readonly supply: Supply
  readonly limits: KmeLimits
  readonly random: RandomSource
  readonly policies: SaePolicies
  /** Applications inside daemons: not shown. */
  readonly inside: readonly SaeId[]
  /** Makes a key within what the caller may have. @throws KmeRefusal */
  readonly make: (wanted: {
    readonly master: SaeId
    readonly slave: SaeId
    readonly sizeBits: number
  }) => Promise<DeliveredKey>
}

/** Whether a request is one of SKIP, whatever its verb. */
export const isSkip = ({ path }: Pick<HttpRequest, 'path'>): boolean => SKIP_PATH.test(path)

/** Answers one request. @throws KmeRefusal */
export async function handleSkip(
  desk: SkipDesk,
  caller: SaeId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { method, path, query } = request
  if (method !== 'GET') {
    throw new KmeRefusal('KME_METHOD_WRONG', 'Expected GET', { facts: { allow: 'GET' } })
  }
  const parts = SKIP_PATH.exec(path)
  const [action, name] = [parts?.at(1), parts?.at(2)]
  if (action === 'capabilities') return answer(utf8(JSON.stringify(capabilities(desk, caller))))
  if (action === 'entropy') return entropy(desk, query)
  const remote = remoteIn(query)
  if (name === undefined) {
    const sizeBits = checkSize(wholeIn(query, 'size') ?? SIZE_BITS, desk.limits)
    return keyAnswer(await desk.make({ master: caller, slave: remote, sizeBits }))
  }
  if (remote === caller) throw invalidRequest('remoteSystemID is the caller itself')
  desk.policies.checkPeers(caller, [remote])
  const wanted = { caller, master: remote, keyIds: [keyIdIn(name)] }
  const [key] = await fetchKeys(desk.supply, wanted)
  return keyAnswer(key)
}

/** HTTP statuses of SKIP: the draft knows 400, 404, 405, 500 and 503. */
export const SKIP_STATUS: Readonly<Record<KmeRefusalCode, number>> = {
  ...HTTP_STATUS,
  KME_KEY_FORBIDDEN: 400,
  KME_RATE_LIMITED: 503,
  KME_UNAVAILABLE: 500,
}

function capabilities({ supply, inside, policies }: SkipDesk, caller: SaeId) {
  const { directory, keystore } = supply
  const remotes = keystore.peers.flatMap((site) => directory.saesAt(site))
  return {
    entropy: true,
    key: true,
    algorithm: 'QKD',
    localSystemID: caller,
    remoteSystemID: remotes.filter(
      (sae) => !inside.includes(sae) && policies.mayShare(caller, [sae]),
    ),
  }
}

/** Octets of the operating system's generator: random, and not from any quantum link. */
function entropy({ random }: SkipDesk, query: URLSearchParams): HttpResponse {
  const bits = wholeIn(query, 'minentropy') ?? ENTROPY_BITS
  if (bits < 1 || bits > ENTROPY_BITS_MAX) {
    throw invalidRequest(`minentropy: expected a number of bits from 1 to ${ENTROPY_BITS_MAX}`)
  }
  const octets = random.octets(Math.ceil(bits / 8))
  const body = concat(utf8('{"randomStr":"'), hexOctets(octets), utf8(`","minentropy":${bits}}`))
  octets.fill(0)
  return answer(body)
}

function remoteIn(query: URLSearchParams): SaeId {
  const names = query.getAll('remoteSystemID')
  if (names.length === 1) return readSaeId(encodeURIComponent(names[0]))
  throw invalidRequest('remoteSystemID: expected one in the query')
}

function keyIdIn(text: string): KeyId {
  if (/^[0-9a-fA-F]{32}$/.test(text)) return keyId(uuidOf(Uint8Array.fromHex(text)))
  if (isUuid(text)) return keyId(text)
  throw invalidRequest('keyId: expected 32 hexadecimal digits')
}

/** The key is cleared; the octets are the listener's to clear once sent. */
function keyAnswer(key: DeliveredKey): HttpResponse {
  using octets: SecretBytes = key.octets
  const name = key.keyId.replaceAll('-', '')
  const text = hexOctets(octets.reveal())
  const body = concat(utf8(`{"keyId":"${name}","key":"`), text, utf8('"}'))
  text.fill(0)
  return answer(body)
}

/** Lower-case hexadecimal as octets, which can be cleared as no string can. */
function hexOctets(octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(octets.length * 2)
  octets.forEach((octet, at) => {
    out[at * 2] = DIGITS[octet >> 4]
    out[at * 2 + 1] = DIGITS[octet & 15]
  })
  return out
}

const answer = (body: Uint8Array): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body,
})

const SKIP_PATH = /^\/(?:(capabilities|entropy|key)|key\/([^/]+))$/
const DIGITS = utf8('0123456789abcdef')
/** Of a key, and of entropy, unless asked for otherwise. */
const SIZE_BITS = 256
const ENTROPY_BITS = 256
const ENTROPY_BITS_MAX = 4096
