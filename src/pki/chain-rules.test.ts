/** Chains of another maker: one for each rule that they may break. @module */

import 'reflect-metadata'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BasicConstraintsExtension,
  Extension,
  ExtendedKeyUsageExtension,
  KeyUsagesExtension,
  KeyUsageFlags,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  type JsonGeneralNames,
} from '@peculiar/x509'
import { KeyObject, sign, webcrypto } from 'node:crypto'
import { concat, DAY_MS, fromHex, sameOctets, utf8 } from '#base'
import { verifyChain, type ChainCheck } from './chain.ts'
import { derInteger, pem, sequenceOf } from './der.ts'
import { NOW, random } from './fixtures.test.ts'
import { newSerial } from './x509.ts'

const reasonOf = (check: ChainCheck): string =>
  check.kind === 'refused' ? `${check.reason} at ${check.place}` : 'verified'

/** A hierarchy made with other means, so that it may be as wrong as it likes. */
interface Crafted {
  readonly subject?: string
  readonly issuer?: string
  readonly extensions?: readonly Extension[]
  readonly days?: number
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const pairs = await Promise.all(
  [0, 1, 2, 3].map(() => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])),
)

async function craft(place: number, above: number, how: Crafted): Promise<Uint8Array> {
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: newSerial(random),
      subject: how.subject ?? `CN=${place}`,
      issuer: how.issuer ?? `CN=${above}`,
      notBefore: new Date(NOW - 1000),
      notAfter: new Date(NOW + (how.days ?? 1) * DAY_MS),
      publicKey: pairs[place].publicKey,
      signingKey: pairs[above].privateKey,
      signingAlgorithm: algorithm,
      extensions: [...(how.extensions ?? [])],
    },
    webcrypto,
  )
  return new Uint8Array(certificate.rawData)
}

async function craftCrl(
  place: number,
  extensions: readonly Extension[] = [],
  days = { from: -1, to: 1 },
): Promise<Uint8Array> {
  const crl = await X509CrlGenerator.create(
    {
      issuer: `CN=${place}`,
      thisUpdate: new Date(NOW + days.from * DAY_MS),
      nextUpdate: new Date(NOW + days.to * DAY_MS),
      signingAlgorithm: algorithm,
      signingKey: pairs[place].privateKey,
      extensions: [...extensions],
    },
    webcrypto,
  )
  return new Uint8Array(crl.rawData)
}

const authorityUsage = new KeyUsagesExtension(
  KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  true,
)
const authorityWith = (...more: readonly Extension[]): Crafted => ({
  extensions: [new BasicConstraintsExtension(true, undefined, true), authorityUsage, ...more],
})
const leafWith = (
  names: JsonGeneralNames = [],
  ...more: readonly Extension[]
): Crafted & { readonly extensions: readonly Extension[] } => ({
  extensions: [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2']),
    new SubjectAlternativeNameExtension([{ type: 'url', value: 'photonward:sae:a' }, ...names]),
    ...more,
  ],
})

/** A crafted chain 0 ← 1 ← … ← root, verified as that of an SAE. */
async function verifyCrafted(
  parts: readonly Crafted[],
  crls?: readonly Uint8Array[],
): Promise<string> {
  const last = parts.length - 1
  const chain = await Promise.all(
    parts.map((how, place) => craft(place, Math.min(place + 1, last), how)),
  )
  const lists = crls ?? (await Promise.all(parts.slice(1).map((_, at) => craftCrl(at + 1))))
  const anchors = chain.slice(-1)
  return reasonOf(verifyChain(chain, { anchors, crls: lists, now: NOW, usage: 'sae-client' }))
}

test('a chain of another maker verifies when it keeps the rules', async () => {
  assert.equal(await verifyCrafted([leafWith(), authorityWith()]), 'verified')
  assert.equal(await verifyCrafted([leafWith(), authorityWith(), authorityWith()]), 'verified')
})

test('only an authority may issue', async () => {
  const leaf = leafWith()
  const root = authorityWith()
  const none = { extensions: [authorityUsage] }
  const no = { extensions: [new BasicConstraintsExtension(false, undefined, true), authorityUsage] }
  const weak = {
    extensions: [new BasicConstraintsExtension(true, undefined, false), authorityUsage],
  }
  for (const middle of [none, no, weak, leafWith()]) {
    assert.equal(await verifyCrafted([leaf, middle, root]), 'not-an-authority at 1')
  }
  const usage = (flags: KeyUsageFlags): Crafted => ({
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(flags, true),
    ],
  })
  const signsLists = usage(KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature)
  assert.equal(await verifyCrafted([leaf, signsLists, root]), 'key-usage at 1')
  const signsNoLists = usage(KeyUsageFlags.keyCertSign)
  assert.equal(await verifyCrafted([leaf, signsNoLists, root]), 'crl-signature-invalid at 0')
})

test('a path is no longer than its authorities allow', async () => {
  const length = (most: number): Crafted => ({
    extensions: [new BasicConstraintsExtension(true, most, true), authorityUsage],
  })
  assert.equal(await verifyCrafted([leafWith(), length(0)]), 'verified')
  assert.equal(await verifyCrafted([leafWith(), length(0), length(1)]), 'verified')
  assert.equal(await verifyCrafted([leafWith(), length(0), length(0)]), 'path-too-long at 2')
  const three = [leafWith(), length(0), length(0), length(2)]
  assert.equal(await verifyCrafted(three), 'path-too-long at 2')
})

test('a leaf must say that it signs, and for what', async () => {
  const [basic, usage, extended, names] = leafWith().extensions
  const root = authorityWith()
  const agree = new KeyUsagesExtension(KeyUsageFlags.keyAgreement, true)
  const server = new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1'])
  const any = new ExtendedKeyUsageExtension(['2.5.29.37.0'])
  const cases = [
    [[basic, agree, extended, names], 'key-usage at 0'],
    [[basic, extended, names], 'key-usage at 0'],
    [[basic, usage, names], 'extended-key-usage at 0'],
    [[basic, usage, server, names], 'extended-key-usage at 0'],
    [[basic, usage, any, names], 'extended-key-usage at 0'],
    [[basic, usage, extended], 'identity at 0'],
    [[usage, extended, names], 'verified'],
  ] as const
  for (const [extensions, expected] of cases) {
    assert.equal(await verifyCrafted([{ extensions }, root]), expected)
  }
})

test('an authority is nobody on the wire, whatever else it may', async () => {
  const [, usage, extended, names] = leafWith().extensions
  const both = new KeyUsagesExtension(
    KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign,
    true,
  )
  const basic = new BasicConstraintsExtension(true, undefined, true)
  const cases = [
    [basic, usage, extended, names],
    [basic, both, extended, names],
  ]
  for (const extensions of cases) {
    const result = await verifyCrafted([{ extensions }, authorityWith()])
    assert.equal(result, 'extended-key-usage at 0')
  }
})

test('a certificate inside another is not taken for it', async () => {
  // Node looks for PEM anywhere in the octets before it reads them as DER.
  const inner = await craft(2, 2, leafWith())
  const hidden = new Extension('1.2.3.4', false, utf8(`\n${pem('CERTIFICATE', inner)}`))
  const result = await verifyCrafted([leafWith([], hidden), authorityWith()])
  assert.equal(result, 'malformed at 0')
})

/** A signed structure with its algorithm named otherwise, inside or outside, and signed again. */
function renamed(
  der: Uint8Array,
  where: { readonly inside: boolean; readonly outside: boolean },
  key: webcrypto.CryptoKey,
): Uint8Array {
  const [signed, algorithm] = sequenceOf(der) ?? []
  const sha384 = fromHex('300a06082a8648ce3d040303')
  const members = (sequenceOf(signed.whole) ?? []).map(({ whole }) =>
    where.inside && sameOctets(whole, algorithm.whole) ? sha384 : whole,
  )
  const inner = long(0x30, concat(...members))
  const privateKey = KeyObject.from(key)
  const signature = long(0x03, concat(Uint8Array.of(0), sign('sha256', inner, privateKey)))
  return long(0x30, concat(inner, where.outside ? sha384 : algorithm.whole, signature))
}

test('a signature algorithm is named alike inside and outside, and is that of the key', async () => {
  const root = await craft(1, 1, authorityWith())
  const leaf = await craft(0, 1, leafWith())
  const crl = await craftCrl(1)
  const key = pairs[1].privateKey
  const check = (chain: Uint8Array, list: Uint8Array): string => {
    const trust = { anchors: [root], crls: [list], now: NOW, usage: 'sae-client' } as const
    return reasonOf(verifyChain([chain], trust))
  }
  const asIs = { inside: false, outside: false }
  assert.equal(check(renamed(leaf, asIs, key), renamed(crl, asIs, key)), 'verified')
  const ways = [
    [{ inside: true, outside: false }, 'malformed at 0', 'crl-missing at 0'],
    [{ inside: false, outside: true }, 'malformed at 0', 'crl-missing at 0'],
    // Not signed by this root, as far as its key can tell.
    [{ inside: true, outside: true }, 'untrusted at 0', 'crl-signature-invalid at 0'],
  ] as const
  for (const [where, forLeaf, forList] of ways) {
    assert.equal(check(renamed(leaf, where, key), crl), forLeaf)
    assert.equal(check(leaf, renamed(crl, where, key)), forList)
  }
})

test('of several lists of one issuer the newest counts', async () => {
  const parts = [leafWith(), authorityWith()]
  const at = (from: number, to: number) => craftCrl(1, [], { from, to })
  const [old, present, future] = [await at(-9, -1), await at(-2, 9), await at(1, 9)]
  assert.equal(await verifyCrafted(parts, [old, present]), 'verified')
  assert.equal(await verifyCrafted(parts, [present, old]), 'verified')
  assert.equal(await verifyCrafted(parts, [old]), 'crl-expired at 0')
  assert.equal(await verifyCrafted(parts, [future]), 'crl-not-yet-valid at 0')
})

test('a certificate has exactly one name of ours', async () => {
  const root = authorityWith()
  const url = (value: string) => ({ type: 'url', value }) as const
  const other = leafWith([url('https://example.org/')])
  assert.equal(await verifyCrafted([other, root]), 'verified')
  assert.equal(await verifyCrafted([leafWith([url('photonward:site:x')]), root]), 'identity at 0')
  assert.equal(await verifyCrafted([leafWith([url('photonward:sae:b')]), root]), 'identity at 0')
})

test('a critical extension that nobody here understands is refused, a plain one is not', async () => {
  const unknown = (critical: boolean) => new Extension('1.2.3.4', critical, Uint8Array.of(5, 0))
  const root = authorityWith()
  const name = 'critical-extension-unknown'
  assert.equal(await verifyCrafted([leafWith([], unknown(true)), root]), `${name} at 0`)
  assert.equal(await verifyCrafted([leafWith([], unknown(false)), root]), 'verified')
  const middle = authorityWith(unknown(true))
  assert.equal(await verifyCrafted([leafWith(), middle, root]), `${name} at 1`)
  assert.equal(await verifyCrafted([leafWith(), authorityWith(unknown(true))]), `${name} at 1`)
  const twice = leafWith([], unknown(false), unknown(false))
  assert.equal(await verifyCrafted([twice, root]), 'malformed at 0')
})

test('a revocation list with a critical extension tells nothing', async () => {
  const delta = new Extension('2.5.29.27', true, derInteger(1))
  const lists = [await craftCrl(1, [delta])]
  const parts = [leafWith(), authorityWith()]
  assert.equal(await verifyCrafted(parts, lists), 'crl-extension-unknown at 0')
  assert.equal(await verifyCrafted(parts, [await craftCrl(1)]), 'verified')
})

test('name constraints hold for DNS names, addresses, subjects and URIs', async () => {
  const dns = (name: string) => tlv(0x82, utf8(name))
  const ip = (digits: string) => tlv(0x87, fromHex(digits))
  const directory = (name: string) => tlv(0xa4, tlv(0x30, commonName(name)))
  const permitted = (...bases: Uint8Array[]) => constraints(0xa0, bases)
  const excluded = (...bases: Uint8Array[]) => constraints(0xa1, bases)
  const named = (type: 'dns' | 'ip', value: string): JsonGeneralNames => [{ type, value }]
  const cases: readonly [Extension, JsonGeneralNames, boolean][] = [
    [permitted(dns('nhs.example')), named('dns', 'a.nhs.example'), true],
    [permitted(dns('nhs.example')), named('dns', 'NHS.example'), true],
    [permitted(dns('nhs.example')), named('dns', 'evilnhs.example'), false],
    [permitted(dns('.nhs.example')), named('dns', 'nhs.example'), false],
    [permitted(dns('.nhs.example')), named('dns', 'a.nhs.example'), true],
    [permitted(dns('a.example'), dns('b.example')), named('dns', 'b.example'), true],
    [excluded(dns('nhs.example')), named('dns', 'a.nhs.example'), false],
    [excluded(dns('nhs.example')), named('dns', 'other.example'), true],
    [excluded(dns('')), named('dns', 'any.example'), false],
    [permitted(dns('nhs.example')), [], true],
    [permitted(ip('c0000200ffffff00')), named('ip', '192.0.2.7'), true],
    [permitted(ip('c0000200ffffff00')), named('ip', '192.0.3.7'), false],
    [excluded(ip('c0000207ffffffff')), named('ip', '192.0.2.7'), false],
    [permitted(ip('c0000200ffffff00')), named('ip', '2001:db8::1'), false],
    [permitted(directory('0')), [], true],
    [permitted(directory('9')), [], false],
    [excluded(directory('0')), [], false],
    [permitted(tlv(0x86, utf8('.example'))), [], false],
    [permitted(tlv(0x81, utf8('example.org'))), [], true],
    [permitted(tlv(0x81, utf8('example.org'))), [{ type: 'email', value: 'a@b.c' }], false],
    [permitted(concat(dns('nhs.example'), tlv(0x80, Uint8Array.of(1)))), [], false],
    [new Extension('2.5.29.30', true, Uint8Array.of(0x30, 0)), [], false],
    [new Extension('2.5.29.30', true, Uint8Array.of(0x05, 0)), [], false],
  ]
  for (const [at, [extension, names, within]] of cases.entries()) {
    const result = await verifyCrafted([leafWith(names), authorityWith(extension)])
    assert.equal(result, within ? 'verified' : 'name-constraints at 0', `case ${at}`)
  }
})

const tlv = (tag: number, content: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(tag, content.length), content)
/** The same for contents of up to 65,535 octets, with the shortest length. */
function long(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  const octets =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return concat(Uint8Array.of(tag, ...octets), content)
}
/** An RDN of one common name, as PrintableString. */
const commonName = (name: string): Uint8Array =>
  tlv(0x31, tlv(0x30, concat(fromHex('0603550403'), tlv(0x13, utf8(name)))))
const constraints = (tag: number, bases: readonly Uint8Array[]): Extension =>
  new Extension(
    '2.5.29.30',
    true,
    tlv(0x30, tlv(tag, concat(...bases.map((one) => tlv(0x30, one))))),
  )

test('identities are names of ours, and no others', async () => {
  const root = authorityWith()
  const bad = [
    'photonward:sae:',
    'photonward:sae:a b',
    'photonward:king:a',
    'photonward:',
    'x:sae:a',
  ]
  for (const value of bad) {
    const [basic, usage, extended] = leafWith().extensions
    const names = new SubjectAlternativeNameExtension([{ type: 'url', value }])
    const extensions = [basic, usage, extended, names]
    assert.equal(await verifyCrafted([{ extensions }, root]), 'identity at 0', value)
  }
})
