/**
 * What asks for a second factor: one is shown, and the act is tried again.
 *
 * @module
 */

import { Stack, Text } from '@mantine/core'
import { ApiRefusal } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { SecondFactor } from '../parts/second-factor.tsx'
import { showFactor } from '../sign-in.ts'
import { signInTexts } from '../texts-sign-in.ts'

const words = signInTexts.factor

/** Why something was refused; where a second factor is missing, a form to show it. */
export function RefusedOrStepUp(about: {
  readonly error: Error | null
  /** Tries again. */
  readonly onShown: () => void
}) {
  const { error, onShown } = about
  if (error === null) return null
  if (!wantsSecondFactor(error)) return <Refused error={error} />
  return (
    <Stack gap="xs">
      <Text role="status">{words.why}</Text>
      <SecondFactor {...{ show: showFactor, onShown, label: words.show }} asksOutside />
    </Stack>
  )
}

/** Whether a refusal is over once a second factor is shown. */
const wantsSecondFactor = (error: Error): boolean =>
  error instanceof ApiRefusal &&
  (error.code === 'ACCESS_SECOND_FACTOR_DENIED' || /step-up|second-factor/.test(error.message))
