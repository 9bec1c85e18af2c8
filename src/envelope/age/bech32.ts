/**
 * Bech32 of BIP 173, without its limit of length: how recipients and identities of age are spelled.
 *
 * @module
 */

/** The octets and the part before the last `1`, in lower case; undefined for what is not Bech32. */
export function readBech32(
  text: string,
): { readonly prefix: string; readonly octets: Uint8Array } | undefined {
  const lower = text.toLowerCase()
  // Mixed case is refused, as BIP 173 has it.
  if (text !== lower && text !== text.toUpperCase()) return undefined
  const at = lower.lastIndexOf('1')
  const prefix = lower.slice(0, at)
  const words = Array.from(lower.slice(at + 1), (letter) => ALPHABET.indexOf(letter))
  if (at < 1 || words.length < CHECK_WORDS || words.includes(-1)) return undefined
  if (!/^[\x21-\x7e]+$/.test(prefix)) return undefined
  if (polymod([...prefixWords(prefix), ...words]) !== 1) return undefined
  const octets = octetsOf(words.slice(0, -CHECK_WORDS))
  return octets && { prefix, octets }
}

/** The text of octets, in lower case. */
export function bech32(prefix: string, octets: Uint8Array): string {
  const words = wordsOf(octets)
  const check = polymod([...prefixWords(prefix), ...words, 0, 0, 0, 0, 0, 0]) ^ 1
  for (let at = 0; at < CHECK_WORDS; at++) words.push((check >> (5 * (5 - at))) & 31)
  return `${prefix}1${words.map((word) => ALPHABET[word]).join('')}`
}

function wordsOf(octets: Uint8Array): number[] {
  const words: number[] = []
  let [held, bits] = [0, 0]
  for (const octet of octets) {
    held = (held << 8) | octet
    bits += 8
    for (; bits >= 5; bits -= 5) words.push((held >> (bits - 5)) & 31)
    held &= (1 << bits) - 1
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31)
  return words
}

/** Undefined where bits are left over that are not the padding. */
function octetsOf(words: readonly number[]): Uint8Array | undefined {
  const octets: number[] = []
  let [held, bits] = [0, 0]
  for (const word of words) {
    held = (held << 5) | word
    bits += 5
    if (bits < 8) continue
    bits -= 8
    octets.push(held >> bits)
    held &= (1 << bits) - 1
  }
  return bits < 5 && held === 0 ? Uint8Array.from(octets) : undefined
}

function prefixWords(prefix: string): readonly number[] {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0))
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
}

function polymod(words: readonly number[]): number {
  let check = 1
  for (const word of words) {
    const top = check >>> 25
    check = ((check & 0x1ffffff) << 5) ^ word
    GENERATOR.forEach((term, bit) => {
      if ((top >> bit) & 1) check ^= term
    })
  }
  return check
}

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const CHECK_WORDS = 6
