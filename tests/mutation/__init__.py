"""Mutation testing of the rules: does a unit test notice when a rule is changed in one place?"""
