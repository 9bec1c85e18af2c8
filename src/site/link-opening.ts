/**
 * What two ends of a link settle before a session: which blocks both have, whether a key store was
 * rolled back, and what authenticates the first messages.
 *
 * Runs over the authenticated requests between sites, asked by the transmitting end. Where both
 * still have pads of a block's reserve they authenticate the session; otherwise, and at the very
 * first time, a bootstrap secret comes from a signed hybrid exchange, or from a pre-shared key where
 * the link is configured so. Ends that are configured differently part here, before anything is
 * spent.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  linkId,
  Octets,
  Refusal,
  sameOctets,
  Text,
  toCbor,
  Type,
  Whole,
  type LinkId,
  type SiteId,
} from '#base'
import { answeringHoldings, holdingsAt, settleHoldings, type Keystore } from '#keystore'
import { parametersHash, type AuthenticationSource, type LinkParameters } from '#qkd'
import { padMarks, takeSources } from './link-pads.ts'
import type { Peers } from './peers.ts'
import type { PskLane } from './pre-shared-lane.ts'
import { MARKS_MAX, type PskPlace } from './pre-shared-store.ts'

export type OpeningRefusalCode =
  /** A request to open a link came late, or again. */
  | 'OPENING_STALE'
  /** The link is configured differently at both ends. */
  | 'PARAMETERS_DIFFER'
  /** What the ends had in common has gone meanwhile. */
  | 'SOURCES_GONE'

export class OpeningRefusal extends Refusal<OpeningRefusalCode> {
  override readonly name = 'OpeningRefusal'
}

/** Makes the same fresh bootstrap source at both ends, by a signed hybrid exchange. */
export interface Bootstrap {
  /** Asks the peer; both have the source, under the same id, when it resolves. */
  initiate(peer: SiteId, link: LinkId): Promise<AuthenticationSource>
  /** The source that the peer's latest exchange for this link has left here, once. */
  collect(peer: SiteId, link: LinkId): AuthenticationSource | undefined
}

/** What the ends have agreed on: sources, or a chunk that is taken once a connection stands. */
export type Agreed = readonly AuthenticationSource[] | PskPlace

export interface OpeningInput {
  readonly parameters: LinkParameters
  readonly peers: Peers
  readonly keystore: Keystore
  readonly bootstrap: Bootstrap
  /** Of a link that begins with pre-shared keys, and only of one. */
  readonly psk: PskLane | undefined
}

/** Asked by the transmitting end before it dials. */
export async function askToOpen(input: OpeningInput, peer: SiteId): Promise<Agreed> {
  const { parameters, peers, keystore, bootstrap, psk } = input
  const { link } = parameters
  const own = await sourcesOf(keystore, link)
  const question = toCbor({
    link,
    parameters: parametersHash(parameters),
    ...(await holdingsAt(keystore, link)),
    sources: padMarks(own).map((mark) => ({ ...mark })),
    psk: ((await psk?.marks()) ?? []).map((mark) => ({ ...mark })),
  })
  const answer = openAnswer(await peers.request(peer, 'link/open', question, OPEN_TIMEOUT_MS))
  await settleHoldings(keystore, { link, peer }, answer)
  const common = await takeSources(keystore, link, own, answer.sources)
  if (common.length > 0) return common
  if (psk === undefined) return [await bootstrap.initiate(peer, link)]
  if (answer.sources.length > 0) {
    throw new OpeningRefusal('SOURCES_GONE', 'The reserves that both ends had are gone')
  }
  return psk.agree(answer.psk ?? undefined)
}

/** Answers the question at the receiving end. @param quiesce ends a session that still runs */
export async function answerOpening(
  { keystore, parameters, psk }: Pick<OpeningInput, 'keystore' | 'parameters' | 'psk'>,
  from: SiteId,
  payload: Uint8Array,
  quiesce: (link: LinkId, agreed: Agreed) => Promise<void>,
): Promise<Uint8Array> {
  const question = openQuestion(payload)
  const link = linkId(question.link)
  if (!sameOctets(question.parameters, parametersHash(parameters))) {
    const message = 'The link is configured differently at both ends'
    throw new OpeningRefusal('PARAMETERS_DIFFER', message, { facts: { link } })
  }
  const ends = { link, peer: from }
  const blocks = await answeringHoldings(keystore, ends, question, () => quiesce(link, []))
  if (blocks === undefined) {
    throw new OpeningRefusal('OPENING_STALE', 'A later request to open the link was answered')
  }
  const own = await sourcesOf(keystore, link)
  // As they stood before: the other end has to begin where this end has not heard it.
  const marks = padMarks(own)
  const common = await takeSources(keystore, link, own, question.sources)
  const place = common.length > 0 ? undefined : await psk?.choose(question.psk)
  await quiesce(link, place ?? common)
  const mark = await keystore.highWater(link)
  const taken = marks.filter(({ id }) => common.some((source) => source.id === id))
  const chunk = place === undefined ? null : { ...place }
  return toCbor({ blocks, mark, sources: taken.map((one) => ({ ...one })), psk: chunk })
}

/** The link a request to open names, which may be none of ours. @throws Refusal if unreadable */
export const openingLink = (payload: Uint8Array): string => openQuestion(payload).link

/** Reserves with something left in either direction, as the engine takes them, oldest first. */
export async function sourcesOf(
  keystore: Keystore,
  link: LinkId,
): Promise<readonly AuthenticationSource[]> {
  const { send, receive } = await keystore.authenticationSources(link)
  const sources = send.flatMap((sending) => {
    const receiving = receive.find(({ id }) => id === sending.id)
    return receiving === undefined ? [] : [{ id: sending.id, send: sending, receive: receiving }]
  })
  return sources.reverse()
}

const SOURCES_MAX = 64
const PADS_MAX = 2 ** 20
const REPORT_OCTETS_MAX = 65_536
const OPEN_TIMEOUT_MS = 20_000
const Marks = Type.Array(
  Exactly({ id: Text(64, 1), sent: Whole(0, PADS_MAX), heard: Whole(0, PADS_MAX) }),
  { maxItems: SOURCES_MAX },
)

const PskId = Text(16, 16)
const Chunk = Whole(0, 2 ** 20)

const openQuestion = cborDoor(
  Exactly({
    link: Text(63, 1),
    parameters: Octets(32),
    blocks: Octets(0, REPORT_OCTETS_MAX),
    mark: Octets(1, 4096),
    sources: Marks,
    psk: Type.Array(Exactly({ id: PskId, next: Chunk, count: Chunk }), { maxItems: MARKS_MAX }),
  }),
  'request to open a link',
  REPORT_OCTETS_MAX + 16_384,
)
const openAnswer = cborDoor(
  Exactly({
    blocks: Octets(0, REPORT_OCTETS_MAX),
    mark: Octets(1, 4096),
    sources: Marks,
    psk: Type.Union([Exactly({ id: PskId, chunk: Chunk }), Type.Null()]),
  }),
  'answer to a request to open a link',
  REPORT_OCTETS_MAX + 16_384,
)
