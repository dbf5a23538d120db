"""The device's rules, its runtimes and a sample app in Kotlin, with what builds and tests them here."""
