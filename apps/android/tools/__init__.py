"""Builds and tests the Kotlin sources without Gradle, with compilers that the registries have."""
