"""The program of a camera that shows what it recognizes: a page, actions, a service. Boards are its configurations."""
