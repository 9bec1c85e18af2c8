/**
 * Certificates for the tests of this room, made on the spot: nothing expires in the repository.
 *
 * `#pki` makes those of a real site; this room may not open its door, and its tests must not depend
 * on how it does it.
 *
 * @module
 */

import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { test } from 'node:test'
import * as x509 from '@peculiar/x509'
import type { Credentials } from './tls.ts'

x509.cryptoProvider.set(webcrypto)

type Algorithm = 'ML-DSA-65' | 'ML-DSA-87' | 'ECDSA'

export interface LeafOptions {
  readonly uri?: string
  readonly dns?: readonly string[]
  readonly commonName?: string
  /** Days from now; negative for an expired one. */
  readonly days?: number
  readonly usages?: readonly ('client' | 'server')[]
}

export interface Leaf {
  readonly credentials: Credentials
  readonly serialNumber: string
}

/** Roots made so far: two of one name would be taken for each other. */
let roots = 0

/** An authority with its root, ready to issue. */
export interface Authority {
  readonly root: string
  readonly leaf: (options: LeafOptions) => Promise<Leaf>
  /** A revocation list, PEM, over these serial numbers. */
  readonly crl: (revoked: readonly string[]) => Promise<string>
}

/** ML-DSA-87 root and ML-DSA-65 leaves, as between sites. */
export const peerAuthority = (): Promise<Authority> => authority('ML-DSA-87', 'ML-DSA-65')

/** ECDSA P-256 throughout, as northbound. */
export const northAuthority = (): Promise<Authority> => authority('ECDSA', 'ECDSA')

async function authority(rootAlgorithm: Algorithm, leafAlgorithm: Algorithm): Promise<Authority> {
  const keys = await newKeys(rootAlgorithm)
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=Test root ${String(roots++)}`,
    notBefore: at(-10),
    notAfter: at(10),
    signingAlgorithm: signing(rootAlgorithm),
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(KEY_CERT_SIGN | CRL_SIGN, true),
    ],
  })
  let serial = 16
  return {
    root: root.toString('pem'),
    leaf: async (options) => {
      const own = await newKeys(leafAlgorithm)
      const serialNumber = (serial++).toString(16)
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber,
        subject: `CN=${options.commonName ?? 'Test leaf'}`,
        issuer: root.subject,
        notBefore: at(-9),
        notAfter: at(options.days ?? 5),
        signingAlgorithm: signing(rootAlgorithm),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: leafExtensions(options),
      })
      const key = pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', own.privateKey))
      return {
        credentials: { key, cert: certificate.toString('pem'), ca: root.toString('pem') },
        serialNumber: serialNumber.toUpperCase(),
      }
    },
    crl: async (revoked) => {
      const list = await x509.X509CrlGenerator.create({
        issuer: root.subject,
        thisUpdate: at(-1),
        nextUpdate: at(5),
        signingAlgorithm: signing(rootAlgorithm),
        signingKey: keys.privateKey,
        entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: at(-1) })),
      })
      // The library labels it CRL; OpenSSL wants X509 CRL.
      return pem('X509 CRL', list.rawData)
    },
  }
}

function leafExtensions({ uri, dns = [], usages = ['client', 'server'] }: LeafOptions) {
  const names = [
    ...(uri === undefined ? [] : [{ type: 'url' as const, value: uri }]),
    ...dns.map((value) => ({ type: 'dns' as const, value })),
  ]
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(DIGITAL_SIGNATURE, true),
    new x509.ExtendedKeyUsageExtension(usages.map((usage) => USAGES[usage])),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
  ]
}

async function newKeys(algorithm: Algorithm): Promise<webcrypto.CryptoKeyPair> {
  const parameters = algorithm === 'ECDSA' ? { namedCurve: 'P-256' } : {}
  const wanted = { name: algorithm, ...parameters } as webcrypto.EcKeyGenParams
  return webcrypto.subtle.generateKey(wanted, true, ['sign', 'verify'])
}

const signing = (algorithm: Algorithm): { name: string; hash?: string } =>
  algorithm === 'ECDSA' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: algorithm }

const at = (days: number): Date => new Date(Date.now() + days * 24 * 3600 * 1000)

function pem(label: string, der: ArrayBuffer): string {
  const lines = new Uint8Array(der).toBase64().match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

const KEY_CERT_SIGN = x509.KeyUsageFlags.keyCertSign
const CRL_SIGN = x509.KeyUsageFlags.cRLSign
const DIGITAL_SIGNATURE = x509.KeyUsageFlags.digitalSignature
const USAGES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const

test('a test authority issues leaves with serial numbers of their own', async () => {
  const { leaf } = await northAuthority()
  const [a, b] = [await leaf({ commonName: 'a' }), await leaf({ commonName: 'b' })]
  assert.notEqual(a.serialNumber, b.serialNumber)
})
