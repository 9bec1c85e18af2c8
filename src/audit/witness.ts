/**
 * The witness: cosigns the logs of other sites, and never two stories.
 *
 * For each log it remembers durably the largest tree it has seen, and signs only what provably
 * continues it. What it remembers is replaced in one guarded commit before the cosignature leaves,
 * so two requests at once cannot roll it back.
 *
 * A witness vouches for append-only, not for truth or completeness; one that loses its store has
 * forgotten, and would sign a fork. Whether a smaller tree comes late or of a log that was set back
 * it tells by the time in the log's own signature; neither is ever signed. A log that lies about the
 * time is not suspected for it, and not cosigned any more.
 *
 * @see C2SP tlog-witness, tlog-cosignature
 * @module
 */

import {
  epochMs,
  refusedWith,
  sameOctets,
  type Clock,
  type EpochMs,
  type SiteId,
  type Store,
} from '#base'
import { verifyConsistency } from '#crypto'
import {
  checkpointText,
  treeHeadOf,
  verifyCheckpoint,
  type VerifiedCheckpoint,
} from './checkpoint.ts'
import {
  assertSigner,
  ed25519Line,
  mlDsaLine,
  noteVerifierOf,
  type NoteSigner,
  type NoteVerifier,
  type TreeHead,
} from './cosignature.ts'
import type { CosignReply, CosignRefusal, CosignRequest, SeenReply } from './messages.ts'
import { parseNote } from './note.ts'
import { AuditRefusal } from './refusal.ts'
import { octetsOf, putWitnessed, selectWitnessed, wholeOf } from './tables.ts'

export interface WitnessOptions {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  /** The site's keys under its cosigner name (`cosignerNameOf`). */
  readonly signer: NoteSigner
  /** The public keys of the log of an origin, if it is one of ours to witness. */
  readonly logOf: (origin: string) => NoteVerifier | undefined
}

/** Two checkpoints that one log signed and that cannot both be true: proof for anybody. */
export interface ForkEvidence {
  readonly origin: string
  readonly size: number
  readonly held: Uint8Array
  readonly offered: Uint8Array
}

/** What a witness decided, and what the host must do besides answering. */
export interface Witnessing {
  readonly reply: CosignReply
  /** Present on a fork: raise an alarm and keep both notes. */
  readonly evidence?: ForkEvidence
}

/** The witness of one site. */
export interface Witness {
  /** Public keys under which its cosignatures verify. */
  readonly verifier: NoteVerifier
  /** Cosigns a checkpoint, or says why not. Resolves once what it has seen is durable. */
  cosign(request: CosignRequest): Promise<Witnessing>
  /** The last checkpoint seen of a log, for that log to compare itself with. */
  seen(origin: string): Promise<SeenReply>
}

export function newWitness(options: WitnessOptions): Witness {
  assertSigner(options.signer)
  return {
    verifier: noteVerifierOf(options.signer),
    cosign: (request) => cosign(options, request),
    seen: async (origin) => ({ note: (await heldOf(options, origin))?.note ?? null }),
  }
}

interface Held {
  readonly size: number
  readonly root: Uint8Array
  readonly note: Uint8Array
}

async function cosign(options: WitnessOptions, request: CosignRequest): Promise<Witnessing> {
  const origin = treeHeadOf(parseNote(request.note)?.text ?? '')?.origin
  if (origin === undefined) return refusal('checkpoint-invalid')
  const log = options.logOf(origin)
  if (log === undefined) return refusal('origin-unknown')
  const check = verifyCheckpoint(request.note, { log })
  if (check.kind === 'refused') return refusal('checkpoint-invalid')
  for (let attempt = 1; ; attempt++) {
    try {
      return await decide(options, { log, head: check.checkpoint }, request)
    } catch (error) {
      // Another request got there first: decide again on what it left.
      if (refusedWith(error, 'STORE_CONFLICT') && attempt < ATTEMPTS_MAX) continue
      throw error
    }
  }
}

async function decide(
  options: WitnessOptions,
  { log, head }: { readonly log: NoteVerifier; readonly head: VerifiedCheckpoint },
  request: CosignRequest,
): Promise<Witnessing> {
  const { site, store, clock, signer } = options
  const held = await heldOf(options, head.origin)
  const found = objection(head, request, held)
  const isLate = found === 'size-behind' && held !== undefined && head.at <= signedAt(held, log)
  const reason = isLate ? 'checkpoint-late' : found
  if (reason === 'fork' && held !== undefined) {
    const { origin, size } = head
    const evidence = { origin, size, held: held.note, offered: request.note }
    return { ...refusal(reason, held.size), evidence }
  }
  if (reason !== undefined) return refusal(reason, held?.size)
  if (held === undefined || head.size > held.size) {
    await store.commit([putWitnessed(site, { ...head, note: request.note }, held)])
  }
  return { reply: cosigned(signer, head, clock.now()) }
}

/** Why this head must not be signed after what is held; undefined if it may. */
function objection(
  head: TreeHead,
  { oldSize, proof }: CosignRequest,
  held: Held | undefined,
): CosignRefusal | undefined {
  const heldSize = held?.size ?? 0
  if (held !== undefined && head.size === heldSize && !sameOctets(head.root, held.root)) {
    return 'fork'
  }
  if (head.size < heldSize) return 'size-behind'
  if (oldSize !== heldSize) return 'size-other'
  if (held === undefined) return proof.length === 0 && head.size > 0 ? undefined : 'proof-invalid'
  try {
    verifyConsistency(held, head, proof)
    return undefined
  } catch {
    return 'proof-invalid'
  }
}

/** When a log signed what is held of it, by its own clock; never, if its keys are others now. */
function signedAt({ note }: Held, log: NoteVerifier): number {
  const check = verifyCheckpoint(note, { log })
  return check.kind === 'verified' ? check.checkpoint.at : -1
}

/** What is remembered of a log, read from the note itself; the columns must say the same. */
async function heldOf({ site, store }: WitnessOptions, origin: string): Promise<Held | undefined> {
  const row = (await store.read(selectWitnessed(site, origin))).at(0)
  if (row === undefined) return undefined
  const note = octetsOf(row['note'])
  const head = treeHeadOf(parseNote(note)?.text ?? '')
  if (head?.size !== wholeOf(row['size']) || !sameOctets(head.root, octetsOf(row['root']))) {
    throw new AuditRefusal('AUDIT_LOG_DAMAGED', 'What this witness has seen is damaged', {
      facts: { origin },
    })
  }
  return { size: head.size, root: head.root, note }
}

function cosigned(signer: NoteSigner, head: TreeHead, now: EpochMs): CosignReply {
  const at = epochMs(Math.floor(now / 1000) * 1000)
  const lines = ed25519Line(signer, checkpointText(head), at) + mlDsaLine(signer, head, at)
  return { outcome: 'cosigned', size: head.size, lines }
}

const refusal = (reason: CosignRefusal, heldSize = 0): Witnessing => ({
  reply: { outcome: 'refused', reason, heldSize },
})

const ATTEMPTS_MAX = 3
