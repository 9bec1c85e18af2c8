/**
 * A certificate that nobody vouches for: for a listener that has to answer before its keys are open.
 *
 * A client that checks certificates refuses it, and shall.
 *
 * @module
 */

import { epochMs, type EpochMs, type RandomSource } from '#base'
import { pem } from './der.ts'
import { newCertificateKey, privateKeyPem } from './keys.ts'
import type { Credentials } from './issuing.ts'
import { makeCertificate, newSerial } from './x509.ts'

/** A new ECDSA P-256 key under a certificate of its own. @param about.ca   PEM of who is trusted */
export async function selfMadeCredentials(
  about: {
    readonly name: string
    readonly now: EpochMs
    readonly lifeMs: number
    readonly ca: string
  },
  random: RandomSource,
): Promise<Omit<Credentials, 'crl'>> {
  const { name, now, lifeMs, ca } = about
  const key = newCertificateKey('ecdsa-p256')
  const subject = { commonName: name, organisation: 'PhotonWard' }
  const der = await makeCertificate(
    {
      ...{ serial: newSerial(random), subject, issuer: subject, spki: key.spki },
      notBefore: now,
      notAfter: epochMs(now + lifeMs),
      role: { kind: 'leaf', usages: ['server'], names: { dns: [`${name}.invalid`] } },
    },
    key,
  )
  return { key: privateKeyPem(key), cert: pem('CERTIFICATE', der), ca }
}
