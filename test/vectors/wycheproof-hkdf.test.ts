/** Wycheproof HKDF through `#crypto`. */

import assert from 'node:assert/strict'
import { fromHex, hex } from '#base'
import { hkdf, hkdfExpand, hmac, type HashName } from '#crypto'
import { refused, wycheproof, type Case, type Group } from './wycheproof.ts'

interface HkdfCase extends Case {
  readonly ikm: string
  readonly salt: string
  readonly info: string
  readonly size: number
  readonly okm: string
}

for (const name of ['sha256', 'sha384', 'sha512'] as const satisfies HashName[]) {
  wycheproof<Group<HkdfCase>>(
    `hkdf_${name}_test.json`,
    `HKDF with ${name} agrees with Wycheproof, as a whole and by its two steps`,
    (one) => {
      const [secret, salt, info] = [fromHex(one.ikm), fromHex(one.salt), fromHex(one.info)]
      const whole = () => hkdf(name, { secret, salt, info, length: one.size })
      const steps = () =>
        hkdfExpand(name, { key: hmac(name, salt, secret), info, length: one.size })
      if (one.result === 'valid') {
        assert.equal(hex(whole()), one.okm)
        assert.equal(hex(steps()), one.okm)
      } else {
        assert(refused(whole) && refused(steps))
      }
    },
  )
}
