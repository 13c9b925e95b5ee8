"""Runs a plan: splits the data, drives the parts, and hands what they give to the store and the evidence."""
