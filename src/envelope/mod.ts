/**
 * Sealed containers: what is stored and what travels, the same octets in both places.
 *
 * Which function to use: `seal` and `open` for what fits in memory, `sealStream` and `openStream`
 * for the rest, `openRange` for a part, `rewrap` to let others open it, `containerHash` for what
 * is logged and signed. Make a data key for each version of each object (`newDataKey`).
 *
 * A container proves that its content was sealed, whole and in this place, by someone who had the
 * data key. It does not say who that was (signatures over `containerHash` do), whether there is a
 * newer version (the audit log does), and it hides neither length nor header.
 *
 * @see spec/envelope.md
 * @module
 */

export { checkRecipients, openAge, sealAge } from './age/file.ts'
export {
  newIdentity,
  readIdentities,
  readRecipient,
  recipientOf,
  type AgeIdentity,
  type AgeRecipient,
} from './age/recipients.ts'
export { AgeRefusal, type AgeRefusalCode } from './age/refusal.ts'
export { CHUNK_OCTETS, openMessage, payloadOctets, sealMessage } from './cobblestone.ts'
export type { MessageInput } from './cobblestone.ts'
export {
  BEGINNING_OCTETS_MAX,
  containerHash,
  parseContainer,
  parsePreamble,
  type Container,
  type Opener,
  type Preamble,
} from './container.ts'
export { CONTENT_TYPE_MAX, LENGTH_MAX, type ContainerHeader } from './header.ts'
export type { Pieces } from './intake.ts'
export { openRange, sourceOf, type ContainerSource, type RangeInput } from './range.ts'
export { EnvelopeRefusal, type EnvelopeRefusalCode } from './refusal.ts'
export {
  open,
  rewrap,
  rewrapPreamble,
  seal,
  unwrapDataKey,
  type Opened,
  type OpenInput,
  type RewrapInput,
  type SealFor,
  type SealInput,
} from './seal.ts'
export {
  openStream,
  sealStream,
  type NoteHash,
  type OpenStreamInput,
  type SealStreamInput,
} from './stream.ts'
export {
  keyIdOf,
  newDataKey,
  WrapCounter,
  WrappingKey,
  WRAP_OCTETS,
  WRAPS_MAX,
  WRAPS_PER_KEY_MAX,
  type Wrap,
} from './wrap.ts'
