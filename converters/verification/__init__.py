"""Verification: converted files against the program that they were converted from."""
